"""What SkinsBack sends to the merchant: Result URL notifications, event webhooks and websocket events.

``notifications.Notifications`` is called on every change of the simulation and queues signed deliveries;
``webhook_sender.WebhookSender`` sends them; ``websocket.WebsocketServer`` sends the events to websocket clients.
"""
