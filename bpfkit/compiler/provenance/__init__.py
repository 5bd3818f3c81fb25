"""Which dereference must become a probe read: points-to analysis of stack memory."""
