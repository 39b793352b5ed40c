package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.bus.Trace;
import io.busbar.mqtt.Packet;
import java.util.ArrayList;
import java.util.List;

/** Who looks at clients, as one event loop knows it. For its thread. */
final class LoopTraces {
  private final Loop loop;
  private final List<Trace> traces = new ArrayList<>(0);

  LoopTraces(Loop loop) {
    this.loop = loop;
  }

  /** Whether nobody looks at anybody. */
  boolean isEmpty() {
    return traces.isEmpty();
  }

  /** Somebody looks at a client, or does not any more. */
  void follow(Trace trace) {
    if (trace.hasEnded()) {
      traces.remove(trace);
      loop.connections().forEach(connection -> forget(connection, trace));
    } else {
      traces.add(trace);
      loop.connections().stream()
          .filter(one -> one.publisher() != null && !one.isEnding())
          .forEach(connection -> look(connection, trace));
    }
  }

  private static void forget(Connection connection, Trace trace) {
    Tracer tracer = connection.tracer();
    if (tracer != null) {
      tracer.remove(trace);
      if (tracer.isEmpty()) {
        connection.trace(null);
      }
    }
  }

  private static void look(Connection connection, Trace trace) {
    Bus.Publisher who = connection.publisher();
    if (!trace.whom().is(who.authenticationName(), who.clientId())) {
      return;
    }
    Tracer tracer = connection.tracer();
    if (tracer == null) {
      tracer = new Tracer(connection);
      connection.trace(tracer);
    } else if (tracer.has(trace)) {
      return;
    }
    tracer.add(trace);
    tracer.connected();
  }

  /** A CONNECT has come: which client's it is is known when it is authenticated. */
  void connects(Connection connection, Packet.Connect connect, byte[] buffer, int start, int end) {
    Tracer tracer = new Tracer(connection);
    for (Trace trace : traces) {
      if (!trace.whom().isSession()) {
        tracer.addMaybe(trace);
      } else if (trace.whom().is(null, connect.clientId())) {
        tracer.add(trace);
      }
    }
    if (!tracer.isEmpty()) {
      tracer.session(connect.clientId().isEmpty() ? null : connect.clientId());
      connection.trace(tracer);
      tracer.received(buffer, start, end);
    }
  }

  /** A client is let in: who began to look while it was judged looks from now on. */
  void opened(Connection connection) {
    traces.forEach(trace -> look(connection, trace));
  }
}
