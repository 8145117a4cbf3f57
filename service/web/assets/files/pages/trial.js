// The page of a trial: an admin may enqueue its point again.
import { act } from "./study-actions.js";

const said = document.getElementById("enqueued");

act(async () => {
  said.textContent = "Enqueued: the next worker that asks is given this point.";
  said.hidden = false;
});
