/*
 Notices in this browser: fills and sends the form [data-push], which the server understands as any other.
 data-key is our public VAPID key; .push-unsupported is shown where the browser cannot do it.
*/

const form = document.querySelector("[data-push]");
const able = window.isSecureContext && "serviceWorker" in navigator && "PushManager" in window;

const bytes = (text) => {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/") + "=".repeat((4 - (text.length % 4)) % 4));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0));
};

const subscribe = async () => {
  if ((await Notification.requestPermission()) !== "granted") return false;
  await navigator.serviceWorker.register(form.dataset.worker, { scope: "/" });
  const { pushManager } = await navigator.serviceWorker.ready;
  // A subscription made with another key is worth nothing any more.
  await (await pushManager.getSubscription())?.unsubscribe();
  const made = (
    await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(form.dataset.key) })
  ).toJSON();
  form.elements.endpoint.value = made.endpoint;
  form.elements.p256dh.value = made.keys.p256dh;
  form.elements.auth.value = made.keys.auth;
  return true;
};

if (form && able) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    if (form.elements.endpoint.value) return;
    event.preventDefault();
    let done = false;
    try {
      done = await subscribe();
    } catch (error) {
      console.warn("No push:", error);
    }
    if (done) form.submit();
    else document.querySelector("[data-push-refused]").hidden = false;
  });
} else if (form) {
  document.querySelector("[data-push-unable]").hidden = false;
}
