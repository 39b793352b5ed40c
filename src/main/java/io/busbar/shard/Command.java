package io.busbar.shard;

import java.util.List;

/** An entry of the log: what a {@link Group} is told, in one order for all of its replicas. */
public sealed interface Command {
  /**
   * Whether it adds to what is kept. What does not, such as a settlement, is taken when there is no
   * room left, too: it makes some.
   */
  default boolean needsRoom() {
    return true;
  }

  /**
   * A client connects under a session name.
   *
   * @param session the session name (the MQTT client id)
   * @param owner the authentication name of the client
   * @param cleanStart whether a session that is stored ends first
   * @param expirySeconds Session Expiry Interval: 0 ends with the connection, 0xFFFFFFFF never. A
   *     session that is not stored yet and has 0 is not stored: the outcome's epoch is 0.
   * @param will published when the connection ends without a normal DISCONNECT, or null
   * @param location where its bells ring
   * @param window how many deliveries may be in flight: the oldest so many are never dropped
   * @param quota how many sessions the owner may have, or null for as many as there may be
   */
  record Open(
      String session,
      String owner,
      boolean cleanStart,
      long expirySeconds,
      Will will,
      Location location,
      int window,
      Quota quota)
      implements Command {
    /** By an owner who may have as many sessions as there may be. */
    public Open(
        String session,
        String owner,
        boolean cleanStart,
        long expirySeconds,
        Will will,
        Location location,
        int window) {
      this(session, owner, cleanStart, expirySeconds, will, location, window, null);
    }

    @Override
    public boolean needsRoom() {
      return expirySeconds > 0;
    }
  }

  /**
   * How many sessions a client may have.
   *
   * @param most of them, this one included
   * @param elsewhere names of its other sessions that are connected; those that are not stored are
   *     known to the nodes alone
   */
  record Quota(int most, List<String> elsewhere) {
    /** Copies the names, so that a quota does not change. */
    public Quota {
      elsewhere = List.copyOf(elsewhere);
    }
  }

  /**
   * A stored session's connection ended.
   *
   * @param expirySeconds a new Session Expiry Interval, or -1 where it stays
   * @param normal whether the client said DISCONNECT and does not want its will published
   * @param sentUpTo all sequences below this one were sent at least once
   */
  record Close(String session, long epoch, long expirySeconds, boolean normal, long sentUpTo)
      implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /** Adds subscriptions, or replaces those of the same filter and share. */
  record Subscribe(String session, long epoch, List<StoredSubscription> subscriptions)
      implements Command {}

  /** Removes subscriptions by their filters as sent, {@code $share/name/} included. */
  record Unsubscribe(String session, long epoch, List<String> filters) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * A message for every session that matches, and for the retained messages if it has that flag.
   *
   * @param packet an MQTT 5 PUBLISH, packet id 0; RETAIN set only if it is to be retained
   * @param publisher the session name that published it, or null: for no-local
   * @param epoch of the publisher's connection, if its session is stored: a message that comes
   *     after another connection took the session over has no effect, for the client sends it again
   *     there. Else 0.
   * @param all whether every session that matches gets it; else only the picks do
   * @param picks members of shared subscriptions that were chosen to have it
   */
  record Publish(byte[] packet, String publisher, long epoch, boolean all, List<Pick> picks)
      implements Command {
    /** A message of nobody whose session is stored. */
    public Publish(byte[] packet, String publisher, boolean all, List<Pick> picks) {
      this(packet, publisher, 0, all, picks);
    }
  }

  /**
   * A shared subscription's part of a message.
   *
   * @param session the member that gets it, or null: no member is connected and the share keeps it
   */
  record Pick(String share, byte[] filter, String session) {}

  /**
   * Retained messages that a new subscription asked for.
   *
   * @param filter the subscription's filter: gone meanwhile, the messages are too
   * @param packets MQTT 5 PUBLISH packets as the retained store keeps them; one whose topic has
   *     another retained message by now is left out
   * @param next where the reading goes on ({@link Retained.Page#next}), or null at the end
   */
  record Replay(String session, long epoch, String filter, List<byte[]> packets, byte[] next)
      implements Command {
    @Override
    public boolean needsRoom() {
      return !packets.isEmpty();
    }
  }

  /**
   * Deliveries that came further.
   *
   * @param done sequences that are settled: PUBACK, PUBCOMP, or a PUBREC with an error
   * @param released sequences whose PUBREC came: PUBREL may go out after this is committed
   */
  record Settle(String session, long epoch, long[] done, long[] released) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * A QoS 2 packet identifier of the client is in use from now on, or ({@code !taken}) free.
   *
   * @param sending what its message is called where it is sent to other nodes, or null if it is not
   */
  record Receive(String session, long epoch, int packetId, boolean taken, Sending sending)
      implements Command {
    @Override
    public boolean needsRoom() {
      return taken;
    }
  }

  /** Ends a session now, whoever has it: an operator's wish. */
  record End(String session) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * A message that a pending effect gave rise to: has effect the first time only, however often the
   * effect was told.
   *
   * @param group number of the group whose effect it is
   * @param id of the effect ({@link Effect.Pending#id})
   */
  record Once(int group, long id, Publish publish) implements Command {}

  /** Pending effects that were carried out: they are not told again. */
  record Confirm(long[] ids) implements Command {}

  /** What bounds the group from now on. What is beyond already stays until its turn comes. */
  record Configure(Bounds bounds) implements Command {}

  /**
   * A node, or an earlier life of it, is gone, and with it all its connections: their sessions go
   * on as if each had ended without a DISCONNECT.
   *
   * @param node as in {@link Location#node}; one that ends in {@link #OF_NAME} stands for all nodes
   *     that begin so
   * @param cause how that is known
   */
  record Gone(String node, Cause cause) implements Command {
    /** How it is known that a node is gone. */
    public enum Cause {
      /** It is not said: by a node that begins, of its former lives, or by an earlier version. */
      UNSAID,
      /** The others have not let it serve for longer than it may by itself. */
      LEASE,
      /** Nobody listens at its address any more. */
      ADDRESS
    }

    /** A node that is gone for a cause that is not said. */
    public Gone(String node) {
      this(node, Cause.UNSAID);
    }

    /** Stands between a node's name, and what tells nodes of that name apart. */
    public static final char OF_NAME = '@';

    /** Whether it is a node's id, or the beginning that stands for it. */
    public boolean isOf(String id) {
      boolean isBeginning = !node.isEmpty() && node.charAt(node.length() - 1) == OF_NAME;
      return isBeginning ? id.startsWith(node) : id.equals(node);
    }

    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * Takes subscriptions from a session, whoever has it: its owner has no right to them any more.
   *
   * @param filters as sent, {@code $share/name/} included
   */
  record Revoke(String session, List<String> filters) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * Adds a resource of the namespace, or replaces the one of that kind and name, unless another has
   * the key ({@link StoredResource}).
   */
  record PutResource(int kind, String name, String key, String owner, byte[] value)
      implements Command {}

  /** Removes a resource of the namespace. */
  record DeleteResource(int kind, String name) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * Commands that take effect in their order, all of them; none, if a resource among them would
   * have the key of one that they leave there.
   */
  record Together(List<Command> commands) implements Command {
    /** Copies the list, so that it does not change. */
    public Together {
      commands = List.copyOf(commands);
      if (commands.stream().anyMatch(Together.class::isInstance)) {
        throw new IllegalArgumentException("commands of commands of commands");
      }
    }

    @Override
    public boolean needsRoom() {
      return commands.stream().anyMatch(Command::needsRoom);
    }
  }

  /**
   * From now on all who read the log understand these forms: none of them is of an earlier version,
   * and none will be. A node that begins knows it from there, whoever else is there.
   *
   * @param forms as in {@code Wire.Introduction#forms}
   */
  record Understood(int forms) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /** Time passes: sessions, wills and retained messages fall due. */
  record Tick() implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  // --- events ---

  /** A queue of this name is there, with these rules; its events stay. */
  record Queue(String name, QueueRules rules) implements Command {}

  /** A queue is gone, with its events. */
  record Unqueue(String name) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * Events come.
   *
   * @param isWhole whether all of them come into all of their queues, or nothing does; else each
   *     comes where there is room, and is lost elsewhere
   */
  record Enqueue(boolean isWhole, List<Incoming> events) implements Command {
    /** Copies the list, so that it does not change. */
    public Enqueue {
      events = List.copyOf(events);
    }
  }

  /**
   * An event.
   *
   * @param queues names of those that it goes to, each once; one that is not there is left out
   */
  record Incoming(List<String> queues, byte[] event) {
    /** Copies the list, so that it does not change. */
    public Incoming {
      queues = List.copyOf(queues);
    }
  }

  /**
   * Gives out what is ready, to one who has it then to itself for a time.
   *
   * @param most events
   * @param mostBytes of them, unless it is one
   */
  record Take(String queue, int most, long mostBytes) implements Command {
    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * Settles events that were given out.
   *
   * @param delayMillis after which what is released is ready again
   * @param result what came of them, for whoever looks after dead letters: a status code, or 0
   */
  record Return(String queue, Kind kind, long delayMillis, int result, List<Token> tokens)
      implements Command {
    /** Copies the list, so that it does not change. */
    public Return {
      tokens = List.copyOf(tokens);
    }

    /** What becomes of them. */
    public enum Kind {
      ACKNOWLEDGE,
      RELEASE,
      REJECT,
      RENEW,
      /** As if it had not been given out this time. */
      PUT_BACK
    }

    @Override
    public boolean needsRoom() {
      return false;
    }
  }

  /**
   * What names an event that was given out, this time.
   *
   * @param queue the number of the queue
   * @param deliveries how often it was given out, this time included
   */
  record Token(long queue, long sequence, int deliveries) {}
}
