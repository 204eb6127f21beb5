"""Logins of people: brake on wrong passwords, second factor, how long a session lasts, mails."""
