package io.busbar.shard;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** The resources of the namespace, by kind and name. */
final class Resources {
  private final Freezer freezer;
  private final TreeMap<Name, Item> items = new TreeMap<>(Name.ORDER);
  private final Map<Name, Name> keys = new HashMap<>();

  /** The last one that a checkpoint has seen, null before the first; and whether it saw all. */
  private Name written;

  private boolean isWritten;

  /** What names a resource, or what of it is unique besides. */
  private record Name(int kind, String text) {
    static final Comparator<Name> ORDER =
        Comparator.comparingInt(Name::kind).thenComparing(Name::text);
  }

  /** A resource, and the last checkpoint that began before it came. */
  private record Item(StoredResource resource, int checkpoint) implements Freezer.Frozen {
    @Override
    public boolean write(CheckpointWriter out) {
      return out.resource(resource);
    }
  }

  Resources(Freezer freezer) {
    this.freezer = freezer;
  }

  /** How many there are. */
  int size() {
    return items.size();
  }

  /** Adds or replaces one, if no other has its key; nothing changes if all of it is there. */
  Outcome put(Command.PutResource put, Moment moment) {
    Name name = new Name(put.kind(), put.name());
    if (put.key() != null) {
      Name holder = keys.get(new Name(put.kind(), put.key()));
      if (holder != null && !holder.equals(name)) {
        return new Outcome.Taken(holder.text());
      }
    }
    Item old = items.get(name);
    if (old != null && old.resource.has(put)) {
      return new Outcome.Put(false);
    }
    long created = old == null ? moment.now : old.resource.created();
    StoredResource now =
        new StoredResource(
            put.kind(), put.name(), put.key(), put.owner(), created, moment.now, put.value());
    if (old != null) {
      remove(name, old);
    }
    add(now, freezer.checkpoint);
    moment.tell(new Effect.Changed(now.kind(), now.name(), now));
    return new Outcome.Put(old == null);
  }

  /** The first key that would be another's if all of these took effect, or null. */
  Outcome.Taken taken(List<Command> commands) {
    Map<Name, String> now = new HashMap<>();
    Map<Name, Name> given = new HashMap<>();
    for (Command command : commands) {
      if (command instanceof Command.DeleteResource delete) {
        now.put(new Name(delete.kind(), delete.name()), null);
      } else if (command instanceof Command.PutResource put) {
        Name name = new Name(put.kind(), put.name());
        Name key = put.key() == null ? null : new Name(put.kind(), put.key());
        Name holder = key == null ? null : given.getOrDefault(key, keys.get(key));
        boolean isHeld =
            holder != null
                && !holder.equals(name)
                && (!now.containsKey(holder) || put.key().equals(now.get(holder)));
        if (isHeld) {
          return new Outcome.Taken(holder.text());
        }
        now.put(name, put.key());
        if (key != null) {
          given.put(key, name);
        }
      }
    }
    return null;
  }

  Outcome delete(Command.DeleteResource delete, Moment moment) {
    Name name = new Name(delete.kind(), delete.name());
    Item old = items.get(name);
    if (old == null) {
      return new Outcome.Deleted(false);
    }
    remove(name, old);
    moment.tell(new Effect.Changed(delete.kind(), delete.name(), null));
    return new Outcome.Deleted(true);
  }

  /** Adds one of a checkpoint. */
  void restore(StoredResource resource) {
    add(resource, 0);
  }

  private void add(StoredResource resource, int checkpoint) {
    Name name = new Name(resource.kind(), resource.name());
    items.put(name, new Item(resource, checkpoint));
    if (resource.key() != null) {
      keys.put(new Name(resource.kind(), resource.key()), name);
    }
  }

  private void remove(Name name, Item old) {
    boolean isUnwritten =
        freezer.isOn()
            && old.checkpoint != freezer.checkpoint
            && !isWritten
            && (written == null || Name.ORDER.compare(name, written) > 0);
    if (isUnwritten) {
      freezer.copies.add(old);
    }
    items.remove(name);
    if (old.resource.key() != null) {
      keys.remove(new Name(name.kind(), old.resource.key()));
    }
  }

  /** Tells whoever knows those of another group, or null for none, what is different here. */
  void tell(Resources before, Consumer<Effect> told) {
    items.forEach(
        (name, item) -> {
          Item known = before == null ? null : before.items.get(name);
          if (known == null || !Arrays.equals(known.resource.value(), item.resource.value())) {
            told.accept(new Effect.Changed(name.kind(), name.text(), item.resource));
          }
        });
    if (before != null) {
      for (Name name : before.items.keySet()) {
        if (!items.containsKey(name)) {
          told.accept(new Effect.Changed(name.kind(), name.text(), null));
        }
      }
    }
  }

  // --- checkpoints ---

  /** A checkpoint begins. */
  void rewind() {
    written = null;
    isWritten = false;
  }

  /** The next one on a checkpoint's way, or null at the end of it or of the slice. */
  Freezer.Frozen unwritten(CheckpointWriter writer) {
    while (!isWritten && !writer.isFull()) {
      Map.Entry<Name, Item> next =
          written == null ? items.firstEntry() : items.higherEntry(written);
      isWritten = next == null;
      if (next != null) {
        written = next.getKey();
        if (next.getValue().checkpoint != freezer.checkpoint) {
          return next.getValue();
        }
        writer.skipped();
      }
    }
    return null;
  }
}
