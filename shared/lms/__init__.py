"""The customer's LMS, which we only ever tell things."""
