class ControlPage:
    def __init__(self, world):
        self.answer = None
