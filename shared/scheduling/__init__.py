"""What to do about one component: pure decisions over its record and what Teams shows.

No I/O, no clock, no field of Graph's. ``saving`` takes in what the LMS saved, ``planning`` compares
LMS, Teams and last agreed and returns the one next step, ``noting`` writes down what came of it on
whatever the record is by then. Carrying out plans until there is no step left ends with both sides
equal; planning then changes nothing (the fixed point the tests hold it to).
"""
