// A small client of the rosbridge protocol: what this page needs of it, with reconnection.

type Handler = (message: any) => void;
interface Waiting {
  resolve: (values: any) => void;
  reject: (error: Error) => void;
}

export class Rosbridge {
  private socket: WebSocket | undefined;
  private handlers = new Map<string, { handler: Handler; throttle: number }>();
  private waiting = new Map<string, Waiting>();
  private count = 0;
  onconnection: (connected: boolean) => void = () => {};

  constructor(private address: string) {
    this.open();
  }

  /** Hear a topic, now and after every reconnection; `throttle` in milliseconds. */
  subscribe(topic: string, handler: Handler, throttle = 0): void {
    this.handlers.set(topic, { handler, throttle });
    this.send({ op: 'subscribe', topic, throttle_rate: throttle });
  }

  /** Call a service; rejects when it is refused, nobody serves it, or the connection breaks. */
  call(service: string, args: object = {}): Promise<any> {
    const id = `call:${++this.count}`;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      if (!this.send({ op: 'call_service', id, service, args })) {
        this.waiting.delete(id);
        reject(new Error('The car is not connected.'));
      }
    });
  }

  private open(): void {
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.onopen = () => {
      for (const [topic, { throttle }] of this.handlers) this.send({ op: 'subscribe', topic, throttle_rate: throttle });
      this.onconnection(true);
    };
    socket.onmessage = (event) => this.take(JSON.parse(event.data as string));
    socket.onclose = () => {
      this.onconnection(false);
      for (const { reject } of this.waiting.values()) reject(new Error('The connection broke: it may have happened.'));
      this.waiting.clear();
      setTimeout(() => this.open(), 1000);
    };
  }

  private take(message: any): void {
    if (message.op === 'publish') this.handlers.get(message.topic)?.handler(message.msg);
    if (message.op === 'service_response') {
      const waiting = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.result) waiting?.resolve(message.values);
      else waiting?.reject(new Error(String(message.values)));
    }
  }

  private send(message: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
