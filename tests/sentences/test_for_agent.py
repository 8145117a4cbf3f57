"""What is said of a study, to an agent."""

from lrtune.service.sentences import study


def test_an_agent_is_told_of_its_tools_and_of_what_its_user_can_run() -> None:
    assert study.for_agent(study.trials_spent("s", 3, 0, failed_counts=False)).endswith(
        ". A larger N in `lrtune study set s --max-trials N`, which your user can run, sets it going again."
    )
    assert study.for_agent(study.steps_spent("s", 30, 30, None)).count("your user can run") == 1
    assert study.for_agent(study.paused("s", 0)).endswith(". The tool resume sets it going again.")
    assert study.for_agent(study.failing("s", 3, 3, "no GPU")).endswith(" Mend it, then call the tool resume.")
    assert study.for_agent(study.running("s", 0, 0)).endswith(". The tool ask hands out a trial.")
