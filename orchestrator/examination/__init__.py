"""From a student's replies to what is known of it: exams asked and graded, statistics, judges, failures, and the gate."""
