/** Asks for the server's token, and makes a session of it: an EventSource can send a cookie, and no header. */
import { type Api, ApiError } from "./api.ts";
import { element, setText } from "./dom.ts";

interface Session {
  readonly roles: readonly string[];
}

/** Shows the form until the server takes the token. */
export function askToken(api: Api): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const input = element("input", {
    type: "password",
    id: "token",
    name: "token",
    autocomplete: "current-password",
    required: true,
    autofocus: true,
  });
  const fault = element("p", { class: "fault", role: "alert" });
  const button = element("button", { class: "primary" }, "Sign in");
  const send = async (event: Event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const { roles } = await api.json<Session>("session", { method: "POST", body: { token: input.value } });
      if (!roles.includes("read")) {
        await api.fetch("session", { method: "DELETE" });
        throw new Error(`This token is for other things: ${roles.join(", ")}. The page needs one that may read.`);
      }
      dialog.close();
      dialog.remove();
      resolve();
    } catch (error) {
      const refused = error instanceof ApiError && error.status === 401;
      setText(fault, refused ? "This is another token." : String(error instanceof Error ? error.message : error));
      input.select();
    } finally {
      button.disabled = false;
    }
  };
  const dialog = element(
    "dialog",
    { class: "token", "aria-labelledby": "token-title", oncancel: (event: Event) => event.preventDefault() },
    element(
      "form",
      { onsubmit: send },
      element("h1", { id: "token-title" }, "Sign in"),
      element(
        "p",
        {},
        `${location.host} shows its sensors to those who have a token of it: one that it was started with.`,
      ),
      // Whom a password manager keeps the token for.
      element("input", { name: "username", autocomplete: "username", value: location.host, hidden: true }),
      element("label", { for: "token" }, "Token"),
      input,
      fault,
      button,
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}
