package io.busbar.shard;

import java.util.List;

/**
 * The form of a {@link Command}: u8 kind, then what it has in the order of its record, in the types
 * of {@link FormWriter} and {@link ValueForm}.
 *
 * <pre>
 *   1 open         string session, string owner, flag clean start, number expiry, optional will,
 *                  optional location, number window
 *   2 close        string session, number epoch, number expiry + 1, flag normal, number sent up to
 *   3 subscribe    string session, number epoch, list of subscription
 *   4 unsubscribe  string session, number epoch, list of string
 *   5 publish      u8 flags (1 all, 2 publisher, 4 epoch), [string publisher], [number epoch],
 *                  bytes packet, list of (string share, bytes filter, optional string session)
 *   6 replay       string session, number epoch, string filter, list of bytes, optional bytes next
 *   7 settle       string session, number epoch, list of number done, list of number released
 *   8 receive      string session, number epoch, number packet id, flag taken
 *   9 end          string session
 *  10 tick
 *  11 once         number group, number id, then what a publish has
 *  12 confirm      list of number
 *  13 configure    bounds
 *  14 gone         string node
 *  15 revoke       string session, list of string
 *  16 put          u8 kind, string name, optional string key, string owner, bytes value
 *  17 delete       u8 kind, string name
 *  18 open         what an open (1) has, then number most, list of string elsewhere
 *  19 queue        string name, number lock, number deliveries, number ttl, number events, number bytes,
 *                  string dead letters
 *  20 unqueue      string name
 *  21 enqueue      flag whole, list of (list of string queue, bytes event)
 *  22 take         string queue, number most, number bytes
 *  23 return       string queue, u8 kind, number delay, number result,
 *                  list of (number queue, number sequence, number deliveries)
 *  24 together     list of command, none of which is a together
 *  25 gone         string node, u8 cause
 *  26 receive      string session, number epoch, number packet id, i64 stream, number number: taken
 *  27 understood   number forms
 * </pre>
 */
final class CommandForm {
  private static final int OPEN = 1;
  private static final int CLOSE = 2;
  private static final int SUBSCRIBE = 3;
  private static final int UNSUBSCRIBE = 4;
  private static final int PUBLISH = 5;
  private static final int REPLAY = 6;
  private static final int SETTLE = 7;
  private static final int RECEIVE = 8;
  private static final int END = 9;
  private static final int TICK = 10;
  private static final int ONCE = 11;
  private static final int CONFIRM = 12;
  private static final int CONFIGURE = 13;
  private static final int GONE = 14;

  /** With its cause: nodes of {@code Wire.Introduction.WITH_CAUSES} know it. */
  private static final int GONE_BECAUSE = 25;

  /** With what its message is called: nodes of {@code Wire.Introduction.WITH_SENDINGS} know it. */
  private static final int RECEIVE_SENDING = 26;

  private static final int UNDERSTOOD = 27;

  private static final List<Command.Gone.Cause> CAUSES = List.of(Command.Gone.Cause.values());
  private static final int REVOKE = 15;
  private static final int PUT = 16;
  private static final int DELETE = 17;
  private static final int OPEN_OF_QUOTA = 18;
  private static final int QUEUE = 19;
  private static final int UNQUEUE = 20;
  private static final int ENQUEUE = 21;
  private static final int TAKE = 22;
  private static final int RETURN = 23;
  private static final int TOGETHER = 24;
  private static final List<Command.Return.Kind> KINDS = List.of(Command.Return.Kind.values());

  private static final int ALL = 1;
  private static final int PUBLISHER = 2;
  private static final int EPOCH = 4;

  private CommandForm() {}

  static void write(FormWriter out, Command command) {
    if (command instanceof Command.Publish it) {
      write(out.u8(PUBLISH), it);
    } else if (command instanceof Command.Settle it) {
      out.u8(SETTLE).string(it.session()).number(it.epoch());
      ValueForm.write(out, it.done());
      ValueForm.write(out, it.released());
    } else if (command instanceof Command.Receive it) {
      boolean isSent = it.taken() && it.sending() != null;
      out.u8(isSent ? RECEIVE_SENDING : RECEIVE).string(it.session()).number(it.epoch());
      out.number(it.packetId());
      if (isSent) {
        it.sending().write(out);
      } else {
        out.flag(it.taken());
      }
    } else if (command instanceof Command.Open it) {
      out.u8(it.quota() == null ? OPEN : OPEN_OF_QUOTA);
      out.string(it.session()).string(it.owner());
      out.flag(it.cleanStart()).number(it.expirySeconds());
      ValueForm.write(out, it.will());
      ValueForm.write(out, it.location());
      out.number(it.window());
      if (it.quota() != null) {
        out.number(it.quota().most()).number(it.quota().elsewhere().size());
        it.quota().elsewhere().forEach(out::string);
      }
    } else if (command instanceof Command.Close it) {
      out.u8(CLOSE).string(it.session()).number(it.epoch());
      out.number(it.expirySeconds() + 1).flag(it.normal()).number(it.sentUpTo());
    } else if (command instanceof Command.Subscribe it) {
      out.u8(SUBSCRIBE).string(it.session()).number(it.epoch());
      out.number(it.subscriptions().size());
      it.subscriptions().forEach(one -> ValueForm.write(out, one));
    } else if (command instanceof Command.Unsubscribe it) {
      out.u8(UNSUBSCRIBE).string(it.session()).number(it.epoch());
      out.number(it.filters().size());
      it.filters().forEach(out::string);
    } else if (command instanceof Command.Replay it) {
      out.u8(REPLAY).string(it.session()).number(it.epoch()).string(it.filter());
      out.number(it.packets().size());
      it.packets().forEach(out::bytes);
      ValueForm.write(out, it.next());
    } else if (command instanceof Command.End it) {
      out.u8(END).string(it.session());
    } else if (command instanceof Command.Tick) {
      out.u8(TICK);
    } else if (command instanceof Command.Understood it) {
      out.u8(UNDERSTOOD).number(it.forms());
    } else if (command instanceof Command.Once it) {
      write(out.u8(ONCE).number(it.group()).number(it.id()), it.publish());
    } else if (command instanceof Command.Confirm it) {
      ValueForm.write(out.u8(CONFIRM), it.ids());
    } else if (command instanceof Command.Configure it) {
      ValueForm.write(out.u8(CONFIGURE), it.bounds());
    } else if (command instanceof Command.Gone it) {
      boolean isSaid = it.cause() != Command.Gone.Cause.UNSAID;
      out.u8(isSaid ? GONE_BECAUSE : GONE).string(it.node());
      if (isSaid) {
        out.u8(CAUSES.indexOf(it.cause()));
      }
    } else if (command instanceof Command.Revoke it) {
      out.u8(REVOKE).string(it.session()).number(it.filters().size());
      it.filters().forEach(out::string);
    } else if (command instanceof Command.PutResource it) {
      out.u8(PUT).u8(it.kind()).string(it.name());
      ValueForm.write(out, it.key());
      out.string(it.owner()).bytes(it.value());
    } else if (command instanceof Command.DeleteResource it) {
      out.u8(DELETE).u8(it.kind()).string(it.name());
    } else if (command instanceof Command.Together it) {
      out.u8(TOGETHER).number(it.commands().size());
      it.commands().forEach(one -> write(out, one));
    } else if (command instanceof Command.Queue it) {
      QueueRules.write(out.u8(QUEUE).string(it.name()), it.rules());
    } else if (command instanceof Command.Unqueue it) {
      out.u8(UNQUEUE).string(it.name());
    } else if (command instanceof Command.Enqueue it) {
      out.u8(ENQUEUE).flag(it.isWhole()).number(it.events().size());
      for (Command.Incoming one : it.events()) {
        out.number(one.queues().size());
        one.queues().forEach(out::string);
        out.bytes(one.event());
      }
    } else if (command instanceof Command.Take it) {
      out.u8(TAKE).string(it.queue()).number(it.most()).number(it.mostBytes());
    } else if (command instanceof Command.Return it) {
      out.u8(RETURN).string(it.queue()).u8(KINDS.indexOf(it.kind())).number(it.delayMillis());
      out.number(it.result()).number(it.tokens().size());
      for (Command.Token token : it.tokens()) {
        out.number(token.queue()).number(token.sequence()).number(token.deliveries());
      }
    }
  }

  private static void write(FormWriter out, Command.Publish it) {
    int flags = (it.all() ? ALL : 0) | (it.publisher() == null ? 0 : PUBLISHER);
    out.u8(flags | (it.epoch() == 0 ? 0 : EPOCH));
    if (it.publisher() != null) {
      out.string(it.publisher());
    }
    if (it.epoch() != 0) {
      out.number(it.epoch());
    }
    out.bytes(it.packet()).number(it.picks().size());
    for (Command.Pick pick : it.picks()) {
      out.string(pick.share()).bytes(pick.filter());
      ValueForm.write(out, pick.session());
    }
  }

  static Command read(FormReader in) {
    int kind = in.u8();
    return switch (kind) {
      case OPEN -> open(in, false);
      case OPEN_OF_QUOTA -> open(in, true);
      case CLOSE ->
          new Command.Close(in.string(), in.number(), in.number() - 1, in.flag(), in.number());
      case SUBSCRIBE ->
          new Command.Subscribe(in.string(), in.number(), in.list(ValueForm::subscription));
      case UNSUBSCRIBE ->
          new Command.Unsubscribe(in.string(), in.number(), in.list(FormReader::string));
      case PUBLISH -> publish(in);
      case REPLAY ->
          new Command.Replay(
              in.string(),
              in.number(),
              in.string(),
              in.list(FormReader::bytes),
              ValueForm.bytes(in));
      case SETTLE ->
          new Command.Settle(
              in.string(), in.number(), ValueForm.numbers(in), ValueForm.numbers(in));
      case RECEIVE -> new Command.Receive(in.string(), in.number(), in.u31(), in.flag(), null);
      case RECEIVE_SENDING ->
          new Command.Receive(in.string(), in.number(), in.u31(), true, Sending.read(in));
      case END -> new Command.End(in.string());
      case TICK -> new Command.Tick();
      case UNDERSTOOD -> new Command.Understood(in.u31());
      case ONCE -> new Command.Once(in.u31(), in.number(), publish(in));
      case CONFIRM -> new Command.Confirm(ValueForm.numbers(in));
      case CONFIGURE -> new Command.Configure(ValueForm.bounds(in));
      case GONE -> new Command.Gone(in.string());
      case GONE_BECAUSE -> gone(in);
      case REVOKE -> new Command.Revoke(in.string(), in.list(FormReader::string));
      case PUT ->
          new Command.PutResource(
              in.u8(), in.string(), ValueForm.string(in), in.string(), in.bytes());
      case DELETE -> new Command.DeleteResource(in.u8(), in.string());
      case QUEUE -> new Command.Queue(in.string(), QueueRules.read(in));
      case UNQUEUE -> new Command.Unqueue(in.string());
      case ENQUEUE ->
          new Command.Enqueue(
              in.flag(),
              in.list(one -> new Command.Incoming(one.list(FormReader::string), one.bytes())));
      case TAKE -> new Command.Take(in.string(), in.u31(), in.number());
      case RETURN -> returned(in);
      case TOGETHER -> together(in);
      default -> throw in.wrong("a command of kind " + kind);
    };
  }

  private static Command gone(FormReader in) {
    String node = in.string();
    int cause = in.u8();
    if (cause == 0 || cause >= CAUSES.size()) {
      throw in.wrong("a node that is gone for cause " + cause);
    }
    return new Command.Gone(node, CAUSES.get(cause));
  }

  private static Command together(FormReader in) {
    List<Command> commands = in.list(CommandForm::read);
    if (commands.stream().anyMatch(Command.Together.class::isInstance)) {
      throw in.wrong("commands of commands of commands");
    }
    return new Command.Together(commands);
  }

  private static Command open(FormReader in, boolean hasQuota) {
    return new Command.Open(
        in.string(),
        in.string(),
        in.flag(),
        in.number(),
        ValueForm.will(in),
        ValueForm.location(in),
        in.u31(),
        hasQuota ? new Command.Quota(in.u31(), in.list(FormReader::string)) : null);
  }

  private static Command returned(FormReader in) {
    String queue = in.string();
    int kind = in.u8();
    if (kind >= KINDS.size()) {
      throw in.wrong("a return of kind " + kind);
    }
    return new Command.Return(
        queue,
        KINDS.get(kind),
        in.number(),
        in.u31(),
        in.list(one -> new Command.Token(one.number(), one.number(), one.u31())));
  }

  private static Command.Publish publish(FormReader in) {
    int flags = in.u8();
    if (flags > (ALL | PUBLISHER | EPOCH)) {
      throw in.wrong("the flags of a publish are " + flags);
    }
    String publisher = (flags & PUBLISHER) == 0 ? null : in.string();
    long epoch = (flags & EPOCH) == 0 ? 0 : in.number();
    byte[] packet = in.bytes();
    return new Command.Publish(
        packet, publisher, epoch, (flags & ALL) != 0, in.list(CommandForm::pick));
  }

  private static Command.Pick pick(FormReader in) {
    return new Command.Pick(in.string(), in.bytes(), ValueForm.string(in));
  }
}
