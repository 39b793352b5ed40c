package io.busbar.broker;

import io.busbar.bus.Bus;
import io.busbar.policy.Permit;
import io.busbar.telemetry.Meter;
import io.vertx.core.Future;
import io.vertx.core.VerticleBase;
import io.vertx.core.eventbus.Message;
import java.util.concurrent.atomic.LongAdder;

/** Owns the policy of this node: says who a client is and what it may do. Deployed as a worker. */
public final class AuthorizationVerticle extends VerticleBase {
  private final Broker broker;
  private LongAdder busMessages;

  /** The verticle of a node without access control. */
  public AuthorizationVerticle(Broker broker) {
    this.broker = broker;
  }

  @Override
  public Future<?> start() {
    busMessages = broker.telemetry.adder(Meter.BUS_MESSAGES, "authorization");
    return vertx.eventBus().<Bus.Local>localConsumer(Bus.AUTHORIZATION, this::onLocal).completion();
  }

  private void onLocal(Message<Bus.Local> message) {
    busMessages.increment();
    if (message.body() instanceof Bus.Authenticate who) {
      String name =
          who.userName() == null || who.userName().isEmpty() ? who.clientId() : who.userName();
      message.reply(new Bus.Authenticated(Permit.all(name)), Bus.local());
    }
  }
}
