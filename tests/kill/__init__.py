"""The worker dies, the line breaks: every reply arrives once, and no interaction is lost or doubled."""
