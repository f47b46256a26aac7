# %% [markdown]
# How a lab ends: one of five grades, and the answer in a sentence.

# %% name="grades"
SUPPORTED = "supported"
NOT_SUPPORTED = "not supported here"  # also when the control does as well
BY_DEFINITION = "true by definition"  # nothing could refute it
NOT_TESTABLE = "not testable at this size"


def only_if(condition):
    """The grade of a claim that holds under a condition, which is part of the grade."""
    return f"supported only if {condition}"


# %% name="answer"
import html

from IPython.display import display


def answer(claim, sentence, grade):
    """Show the answer to a claim: a sentence with its figures, and the grade."""
    box = "border-left: 4px solid #0072B2; padding: 0.3em 1em; font-size: 1.1em"
    bundle = {
        "text/plain": f"Claim {claim}: {grade}. {sentence}",
        "text/html": f"<div style='{box}'><p>{html.escape(sentence)}</p>"
        f"<p>Claim {claim}: <b>{html.escape(grade)}</b></p></div>",
        # The build reads the answer from here, for the lesson and docs/claims.md.
        "application/vnd.course.answer+json": {"claim": claim, "sentence": sentence, "grade": grade},
    }
    display(bundle, raw=True)
