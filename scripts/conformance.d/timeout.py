"""A listener of Robot Framework: no case may take longer than two minutes, so that one that waits for ever does not end the run."""

ROBOT_LISTENER_API_VERSION = 3


def start_test(data, result):
    data.timeout = data.timeout or "2 minutes"
