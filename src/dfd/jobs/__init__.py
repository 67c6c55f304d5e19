"""Use case 2, analyse later: accepting jobs, working on them, and cleaning up after whoever died. Pure over ports."""
