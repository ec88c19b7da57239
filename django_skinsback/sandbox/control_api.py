class ControlAPI:
    def __init__(self, world, courier):
        self.answer = None
