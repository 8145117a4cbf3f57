// HTML that the service made, put into a page.

/** Put it in, in place of what was there. The service has escaped what people wrote, and the page's policy runs nothing of it. */
export function putIn(element, text) {
  const made = new DOMParser().parseFromString(text, "text/html");
  element.replaceChildren(...made.body.childNodes);
}
