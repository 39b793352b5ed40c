package io.busbar.match;

import io.busbar.mqtt.Bytes;
import io.busbar.mqtt.Topics;
import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;

/**
 * Topic filters and who subscribed to them.
 *
 * <p>One thread writes; any thread reads, without locks, and sees each change once it is made.
 * Filters without wildcards stand in one hash table keyed by the whole topic; those with wildcards
 * form a trie, whose edges stand in one hash table too, keyed by parent and level:
 *
 * <pre>
 *   a/b        exact: "a/b" -> subscribers
 *   a/+/c      root -a-> n1 -(+)-> n2 -c-> n3: here -> subscribers
 *   a/#        root -a-> n1: below -> subscribers
 * </pre>
 *
 * <p>A match result may be kept as long as {@link #generation} of its topic's {@link #stripes} says
 * the same: changes bump only the stripe of the filter's literal beginning (up to three levels), so
 * that a subscribe elsewhere leaves other topics' results alone.
 *
 * @param <S> a subscriber; its equals must be identity
 */
public final class SubscriptionIndex<S> {
  /** How many stripes a topic depends on: no level, one, two and three levels of its name. */
  public static final int DEPTHS = 4;

  private static final int STRIPES = 1 << 14;

  // Keys are Key and Edge; declared as Object because a Probe asks for them.
  private final ConcurrentHashMap<Object, Subscribers<S>> exact = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Object, Node<S>> edges = new ConcurrentHashMap<>();
  private final Node<S> root = new Node<>(null, null);
  private final AtomicLongArray generations = new AtomicLongArray(STRIPES);
  private final AtomicLong changes = new AtomicLong();
  private final AtomicLong filters = new AtomicLong();
  private final AtomicLong subscriptions = new AtomicLong();

  /**
   * Adds a subscriber. Only the writing thread calls this.
   *
   * @param filter a valid topic filter; not changed afterwards
   * @param subscriber not yet under this filter
   * @return whether the filter is new
   */
  public boolean add(byte[] filter, S subscriber) {
    boolean isNew;
    if (Topics.hasWildcard(filter)) {
      isNew = addWildcard(filter, subscriber);
    } else {
      Key key = new Key(filter);
      Subscribers<S> there = exact.get(key);
      isNew = there == null;
      if (isNew) {
        exact.put(key, new Subscribers<>(subscriber));
      } else {
        there.add(subscriber);
      }
    }
    subscriptions.incrementAndGet();
    if (isNew) {
      filters.incrementAndGet();
    }
    bump(filter);
    return isNew;
  }

  /**
   * Removes a subscriber; nothing happens if it is not there. Only the writing thread calls this.
   *
   * @return whether the filter has no subscribers left because of it
   */
  public boolean remove(byte[] filter, S subscriber) {
    boolean gone;
    if (Topics.hasWildcard(filter)) {
      Node<S> node = find(filter);
      if (node == null) {
        return false;
      }
      boolean below = filter[filter.length - 1] == '#';
      Subscribers<S> there = below ? node.below : node.here;
      if (there == null || !there.remove(subscriber)) {
        return false;
      }
      gone = there.isEmpty();
      if (gone) {
        if (below) {
          node.below = null;
        } else {
          node.here = null;
        }
        prune(node);
      }
    } else {
      Key key = new Key(filter);
      Subscribers<S> there = exact.get(key);
      if (there == null || !there.remove(subscriber)) {
        return false;
      }
      gone = there.isEmpty();
      if (gone) {
        exact.remove(key);
      }
    }
    subscriptions.decrementAndGet();
    if (gone) {
      filters.decrementAndGet();
    }
    bump(filter);
    return gone;
  }

  /** Whether a filter has a subscriber. */
  public boolean contains(byte[] filter) {
    if (!Topics.hasWildcard(filter)) {
      return exact.containsKey(new Key(filter));
    }
    Node<S> node = find(filter);
    return node != null && (filter[filter.length - 1] == '#' ? node.below : node.here) != null;
  }

  /**
   * Tells the subscribers of all filters that match a valid topic name; a subscriber that is under
   * several filters is told several times.
   */
  public void match(byte[] topic, int offset, int length, Consumer<? super S> found) {
    Probe<S> probe = new Probe<>(topic, offset, length);
    Subscribers<S> subscribers = exact.get(probe);
    if (subscribers != null) {
      subscribers.forEach(found);
    }
    if (!edges.isEmpty() || root.plus != null || root.below != null) {
      walk(root, topic, offset, offset + length, probe, found);
    }
  }

  private void walk(
      Node<S> node, byte[] topic, int at, int end, Probe<S> probe, Consumer<? super S> found) {
    // [MQTT-4.7.2-1] wildcards at the first level do not match topics that begin with $
    boolean reserved = node == root && at < end && topic[at] == '$';
    if (node.below != null && !reserved) {
      told(node.below, found);
    }
    if (at > end) {
      // past the last level: this node is the whole topic
      told(node.here, found);
      return;
    }
    int levelEnd = at;
    while (levelEnd < end && topic[levelEnd] != '/') {
      levelEnd++;
    }
    if (node.literals > 0) {
      Node<S> literal = edges.get(probe.edge(node, at, levelEnd - at));
      if (literal != null) {
        walk(literal, topic, levelEnd + 1, end, probe, found);
      }
    }
    Node<S> plus = node.plus;
    if (plus != null && !reserved) {
      walk(plus, topic, levelEnd + 1, end, probe, found);
    }
  }

  private void told(Subscribers<S> subscribers, Consumer<? super S> found) {
    if (subscribers != null) {
      subscribers.forEach(found);
    }
  }

  /**
   * Finds the stripes that a topic's matches depend on.
   *
   * @param into receives {@link #DEPTHS} stripes
   */
  public void stripes(byte[] topic, int offset, int length, int[] into) {
    Arrays.fill(into, 0);
    int end = offset + length;
    int at = offset;
    for (int depth = 1; depth < DEPTHS && at <= end; depth++) {
      while (at < end && topic[at] != '/') {
        at++;
      }
      into[depth] = stripe(topic, offset, at - offset, depth);
      at++;
    }
  }

  /** A number that changes when a filter that may match a topic of these stripes comes or goes. */
  public long generation(int[] stripes) {
    long sum = 0;
    for (int i = 0; i < DEPTHS; i++) {
      sum += generations.get(stripes[i]);
    }
    return sum;
  }

  /**
   * How many changes there were. While it stays, so does the {@link #generation} of every topic:
   * one number in the place of several that are spread over memory. Read it before the generation.
   */
  public long changes() {
    return changes.get();
  }

  /** Distinct filters. */
  public long filters() {
    return filters.get();
  }

  /** Pairs of filter and subscriber. */
  public long subscriptions() {
    return subscriptions.get();
  }

  /** Edges that are kept; 0 once every filter with wildcards is gone. */
  int edgeCount() {
    return edges.size() + (root.plus == null ? 0 : 1);
  }

  private void bump(byte[] filter) {
    int depth = 0;
    int literalEnd = 0;
    int at = 0;
    while (depth < DEPTHS - 1 && at <= filter.length) {
      if (at < filter.length && (filter[at] == '+' || filter[at] == '#')) {
        break;
      }
      while (at < filter.length && filter[at] != '/') {
        at++;
      }
      literalEnd = at;
      depth++;
      at++;
    }
    generations.incrementAndGet(depth == 0 ? 0 : stripe(filter, 0, literalEnd, depth));
    // after it: who sees the change in this number sees it in the generation too
    changes.incrementAndGet();
  }

  private static int stripe(byte[] bytes, int offset, int length, int depth) {
    // stripe 0 belongs to filters that begin with a wildcard
    int hash = Bytes.hash(bytes, offset, length) * 31 + depth;
    return 1 + Integer.remainderUnsigned(hash, STRIPES - 1);
  }

  private boolean addWildcard(byte[] filter, S subscriber) {
    Node<S> node = root;
    int at = 0;
    while (at <= filter.length) {
      if (at < filter.length && filter[at] == '#') {
        boolean isNew = node.below == null;
        if (isNew) {
          node.below = new Subscribers<>(subscriber);
        } else {
          node.below.add(subscriber);
        }
        return isNew;
      }
      int levelEnd = levelEnd(filter, at);
      node = child(node, filter, at, levelEnd - at);
      at = levelEnd + 1;
    }
    boolean isNew = node.here == null;
    if (isNew) {
      node.here = new Subscribers<>(subscriber);
    } else {
      node.here.add(subscriber);
    }
    return isNew;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private Node<S> child(Node<S> node, byte[] filter, int at, int length) {
    if (length == 1 && filter[at] == '+') {
      if (node.plus == null) {
        node.plus = new Node<>(node, null);
      }
      return node.plus;
    }
    Edge<S> edge = new Edge<>(node, Arrays.copyOfRange(filter, at, at + length));
    Node<S> child = edges.get(edge);
    if (child == null) {
      child = new Node<>(node, edge);
      edges.put(edge, child);
      node.literals++;
    }
    return child;
  }

  private Node<S> find(byte[] filter) {
    Node<S> node = root;
    int at = 0;
    while (at <= filter.length && node != null) {
      if (at < filter.length && filter[at] == '#') {
        return node;
      }
      int levelEnd = levelEnd(filter, at);
      boolean plus = levelEnd - at == 1 && filter[at] == '+';
      node =
          plus ? node.plus : edges.get(new Edge<>(node, Arrays.copyOfRange(filter, at, levelEnd)));
      at = levelEnd + 1;
    }
    return node;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // one thread writes
  private void prune(Node<S> leaf) {
    Node<S> node = leaf;
    while (node != root && node.isUnused()) {
      Node<S> parent = node.parent;
      if (node.edge == null) {
        parent.plus = null;
      } else {
        edges.remove(node.edge);
        parent.literals--;
      }
      node = parent;
    }
  }

  private static int levelEnd(byte[] filter, int at) {
    int end = at;
    while (end < filter.length && filter[end] != '/') {
      end++;
    }
    return end;
  }

  /** A prefix of filters with wildcards. */
  private static final class Node<S> {
    final Node<S> parent;
    final Edge<S> edge;
    volatile Node<S> plus;
    volatile Subscribers<S> here;
    volatile Subscribers<S> below;
    volatile int literals;

    Node(Node<S> parent, Edge<S> edge) {
      this.parent = parent;
      this.edge = edge;
    }

    boolean isUnused() {
      return plus == null && here == null && below == null && literals == 0;
    }
  }

  /** A whole topic, kept. */
  private static final class Key {
    final byte[] bytes;
    final int hash;

    Key(byte[] bytes) {
      this.bytes = bytes;
      this.hash = Bytes.hash(bytes, 0, bytes.length);
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Key key && Arrays.equals(bytes, key.bytes);
    }
  }

  /** A level below a node, kept. */
  private static final class Edge<S> {
    final Node<S> parent;
    final byte[] level;
    final int hash;

    Edge(Node<S> parent, byte[] level) {
      this.parent = parent;
      this.level = level;
      this.hash = hash(parent, level, 0, level.length);
    }

    static int hash(Object parent, byte[] bytes, int offset, int length) {
      return System.identityHashCode(parent) * 31 + Bytes.hash(bytes, offset, length);
    }

    @Override
    public int hashCode() {
      return hash;
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Edge<?> edge
          && parent == edge.parent
          && Arrays.equals(level, edge.level);
    }
  }

  /** Asks for a {@link Key} or an {@link Edge} by a range of bytes; never kept in a table. */
  private static final class Probe<S> {
    final byte[] bytes;
    int offset;
    int length;
    int hash;
    Node<S> parent;

    Probe(byte[] bytes, int offset, int length) {
      this.bytes = bytes;
      this.offset = offset;
      this.length = length;
      this.hash = Bytes.hash(bytes, offset, length);
    }

    Probe<S> edge(Node<S> below, int from, int bytesOfLevel) {
      parent = below;
      offset = from;
      length = bytesOfLevel;
      hash = Edge.hash(below, bytes, from, bytesOfLevel);
      return this;
    }

    @Override
    public int hashCode() {
      return hash;
    }

    /** Asymmetric on purpose: the tables ask the probe whether it equals what they keep. */
    @Override
    public boolean equals(Object other) {
      if (other instanceof Key key) {
        return parent == null && Bytes.equal(key.bytes, bytes, offset, length);
      }
      return other instanceof Edge<?> edge
          && parent == edge.parent
          && Bytes.equal(edge.level, bytes, offset, length);
    }
  }

  /** The subscribers of one filter: an array while they are few, a set when they are many. */
  private static final class Subscribers<S> {
    private static final int FEW = 16;
    private volatile Object[] few;
    private volatile ConcurrentHashMap<S, Boolean> many;

    Subscribers(S first) {
      few = new Object[] {first};
    }

    void add(S subscriber) {
      if (many != null) {
        many.put(subscriber, true);
      } else if (few.length < FEW) {
        Object[] longer = Arrays.copyOf(few, few.length + 1);
        longer[few.length] = subscriber;
        few = longer;
      } else {
        ConcurrentHashMap<S, Boolean> set = new ConcurrentHashMap<>();
        forEach(s -> set.put(s, true));
        set.put(subscriber, true);
        many = set;
        few = new Object[0];
      }
    }

    boolean remove(S subscriber) {
      if (many != null) {
        return many.remove(subscriber) != null;
      }
      for (int i = 0; i < few.length; i++) {
        if (few[i] == subscriber) {
          Object[] shorter = new Object[few.length - 1];
          System.arraycopy(few, 0, shorter, 0, i);
          System.arraycopy(few, i + 1, shorter, i, shorter.length - i);
          few = shorter;
          return true;
        }
      }
      return false;
    }

    boolean isEmpty() {
      return many == null ? few.length == 0 : many.isEmpty();
    }

    @SuppressWarnings("unchecked")
    void forEach(Consumer<? super S> found) {
      // many is set before few is emptied: a reader may meet some twice, never miss one
      Object[] array = few;
      ConcurrentHashMap<S, Boolean> set = many;
      if (set != null) {
        for (S subscriber : set.keySet()) {
          found.accept(subscriber);
        }
        return;
      }
      for (Object subscriber : array) {
        found.accept((S) subscriber);
      }
    }
  }
}
