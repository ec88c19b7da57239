"""The messages that SkinsBack sends to the site: Result URL notifications, event webhooks and websocket events.

``notifications.Notifications`` is called after every change of the simulation, and queues signed deliveries.
``webhook_sender.WebhookSender`` sends the deliveries. ``websocket.WebsocketServer`` sends events to websocket clients.
"""
