// SPDX-License-Identifier: Apache-2.0
// MQTT.js with promises, and a record of what went over the wire.

const PATIENCE = 15_000;

export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${PATIENCE} ms`)), PATIENCE);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A client that never reconnects by itself, with what it received in order. */
export class Client {
  #mqtt;
  #arrived = [];
  #waiting = [];
  /** [whether the client sent it, the packet], in order. */
  trace = [];

  static async connect(run, name, options = {}) {
    const client = new Client();
    client.name = name;
    client.run = run;
    client.#mqtt = run.mqtt.connect(run.url, {
      clientId: run.prefix + name,
      protocolVersion: run.version,
      reconnectPeriod: 0,
      connectTimeout: PATIENCE,
      ...options,
    });
    run.clients.push(client);
    client.#mqtt.on('packetsend', (packet) => client.trace.push([true, { ...packet }]));
    client.#mqtt.on('packetreceive', (packet) => client.trace.push([false, { ...packet }]));
    client.#mqtt.on('message', (topic, payload, packet) => {
      const message = { topic, payload, packet };
      const waiting = client.#waiting.shift();
      if (waiting) waiting(message);
      else client.#arrived.push(message);
    });
    client.closed = new Promise((done) => client.#mqtt.once('close', done));
    client.connack = await within(
      new Promise((done, failed) => {
        client.#mqtt.once('connect', done);
        client.#mqtt.once('error', failed);
      }),
      `${name}: CONNACK`,
    );
    // an end that the test did not want shows as something that does not come
    client.#mqtt.on('error', () => {});
    return client;
  }

  get sent() {
    return this.trace.filter(([sent]) => sent).map(([, packet]) => packet);
  }

  get received() {
    return this.trace.filter(([sent]) => !sent).map(([, packet]) => packet);
  }

  next(what = 'a message') {
    if (this.#arrived.length > 0) return Promise.resolve(this.#arrived.shift());
    return within(new Promise((done) => this.#waiting.push(done)), `${this.name}: ${what}`);
  }

  async texts(count) {
    const texts = [];
    while (texts.length < count) texts.push((await this.next()).payload.toString());
    return texts;
  }

  /** When it is acknowledged: the error that the client makes of a negative one, or nothing. */
  publish(topic, payload, options = {}) {
    const done = new Promise((yes) => {
      this.#mqtt.publish(topic, payload, options, (error) => yes(error ?? null));
    });
    return within(done, `${this.name}: the end of a publish at QoS ${options.qos ?? 0}`);
  }

  async send(topic, payload, options = {}) {
    const answer = await this.publish(topic, payload, options);
    if (answer) throw answer;
  }

  subscribe(filter, options) {
    return within(
      new Promise((yes) => {
        this.#mqtt.subscribe(filter, options, (error, granted, packet) => yes({ error, granted, packet }));
      }),
      `${this.name}: SUBACK`,
    );
  }

  async listen(filter, options) {
    const { error } = await this.subscribe(filter, options);
    if (error) throw error;
  }

  unsubscribe(filter) {
    return within(
      new Promise((yes) => {
        this.#mqtt.unsubscribe(filter, (error, packet) => yes({ error, packet }));
      }),
      `${this.name}: UNSUBACK`,
    );
  }

  /** DISCONNECT, and the connection is closed. */
  end(options = {}) {
    return within(new Promise((done) => this.#mqtt.end(false, options, done)), `${this.name}: end`);
  }

  /** No DISCONNECT: as if the device had lost its power. */
  async breakOff() {
    this.#mqtt.stream.destroy();
    await within(this.closed, `${this.name}: close`);
  }
}
