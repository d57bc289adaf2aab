// What the load scenarios need of k6's URL library, which is fetched from the network otherwise.

class URLSearchParams {
  constructor(pairs) {
    this.pairs = pairs || [];
  }
  append(name, value) {
    this.pairs.push([name, value]);
  }
  toString() {
    return this.pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
  }
}

export class URL {
  constructor(text) {
    this.text = text;
    this.searchParams = new URLSearchParams();
  }
  toString() {
    const search = this.searchParams.toString();
    return search ? `${this.text}?${search}` : this.text;
  }
}

export { URLSearchParams };
