// What the load scenarios need of k6's helper library, which is fetched from the network otherwise.

export function uuidv4() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(Math.random() * 16).toString(16));
}

export function randomIntBetween(least, most) {
  return least + Math.floor(Math.random() * (most - least + 1));
}

export function randomItem(list) {
  return list[Math.floor(Math.random() * list.length)];
}

export function randomString(length) {
  let text = '';
  while (text.length < length) text += String.fromCharCode(97 + Math.floor(Math.random() * 26));
  return text;
}
