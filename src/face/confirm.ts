/** Asks before something is done that cannot be undone. */
import { element } from "./dom.ts";

/** Shows a question with one button that does it, and one that does not; Escape does not either. @param verb of the button: "Discard" */
export function confirmed(title: string, consequence: string, verb: string): Promise<boolean> {
  const yes = element("button", { class: "primary", value: "yes" }, verb);
  const no = element("button", { class: "plain", value: "no", autofocus: true }, "Cancel");
  const dialog = element(
    "dialog",
    { class: "confirm", "aria-labelledby": "confirm" },
    element(
      "form",
      { method: "dialog" },
      element("h2", { id: "confirm" }, title),
      element("p", {}, consequence),
      no,
      yes,
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes");
      dialog.remove();
    });
  });
}
