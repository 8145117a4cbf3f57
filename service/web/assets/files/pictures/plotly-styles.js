// Lets plotly set its styles under a content security policy that allows none in the page: its style elements carry
// the page's nonce, and its style attributes are set as the properties that they hold.
"use strict";
{
  const { nonce } = document.currentScript;
  const create = Document.prototype.createElement;
  Document.prototype.createElement = function (name, ...more) {
    const element = create.call(this, name, ...more);
    if (element instanceof HTMLStyleElement) element.nonce = nonce;
    return element;
  };
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };
}
