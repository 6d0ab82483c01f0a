// The browser knows its time zone; the person need not choose one. Without scripts it can be set in the account.
"use strict";

for (const field of document.querySelectorAll("input[data-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
}
