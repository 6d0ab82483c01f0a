"""iCalendar (RFC 5545): visits leave as busy blocks, others come in as busy hours. No word on health in either."""
