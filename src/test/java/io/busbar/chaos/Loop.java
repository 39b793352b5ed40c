package io.busbar.chaos;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** The one thread on which all clients live. */
final class Loop implements AutoCloseable {
  private static final long TICK_MILLIS = 1;
  private static final int CALL_SECONDS = 60;

  private record Timer(long at, Runnable task) {}

  private final Selector selector;
  private final List<Client> clients = new ArrayList<>();
  private final ConcurrentLinkedQueue<Runnable> calls = new ConcurrentLinkedQueue<>();
  private final PriorityQueue<Timer> timers = new PriorityQueue<>(Comparator.comparing(Timer::at));
  private final Thread thread = new Thread(this::run, "clients");
  private volatile boolean stopped;
  private volatile Throwable failure;

  Loop() throws IOException {
    selector = Selector.open();
    thread.setDaemon(true);
    thread.start();
  }

  /** Gives a client its turns; on the loop only. */
  void add(Client client) {
    clients.add(client);
  }

  /** Gives a client no more turns; on the loop only. */
  void remove(Client client) {
    clients.remove(client);
  }

  /** Begins to connect; on the loop only. */
  SelectionKey connect(Client client, InetSocketAddress address) throws IOException {
    SocketChannel channel = SocketChannel.open();
    channel.configureBlocking(false);
    SelectionKey key = channel.register(selector, SelectionKey.OP_CONNECT, client);
    channel.connect(address);
    return key;
  }

  /** Runs a task after a time; on the loop only. */
  void after(long millis, Runnable task) {
    timers.add(new Timer(System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis), task));
  }

  /**
   * Runs a task on the loop and returns its result.
   *
   * @throws KillException if a client has failed, or the loop hangs
   */
  <T> T call(Supplier<T> task) {
    CompletableFuture<T> result = new CompletableFuture<>();
    calls.add(
        () -> {
          try {
            result.complete(task.get());
          } catch (RuntimeException e) {
            result.completeExceptionally(e);
          }
        });
    selector.wakeup();
    try {
      while (true) {
        if (failure != null) {
          throw new KillException("a client failed", failure);
        }
        try {
          return result.get(100, TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
          if (!thread.isAlive() && failure == null) {
            throw new KillException("the clients' thread has ended, or hangs", e);
          }
        }
      }
    } catch (ExecutionException e) {
      throw new KillException("a client failed", e.getCause());
    } catch (InterruptedException e) {
      throw new KillException("interrupted", e);
    }
  }

  private void run() {
    try {
      while (!stopped) {
        selector.select(TICK_MILLIS);
        for (Runnable call = calls.poll(); call != null; call = calls.poll()) {
          call.run();
        }
        long now = System.nanoTime();
        while (!timers.isEmpty() && timers.peek().at <= now) {
          timers.poll().task.run();
        }
        for (SelectionKey key : selector.selectedKeys()) {
          ((Client) key.attachment()).ready(key);
        }
        selector.selectedKeys().clear();
        for (Client client : clients) {
          client.turn(now);
        }
      }
    } catch (IOException | RuntimeException e) {
      failure = e;
    }
  }

  @Override
  public void close() throws IOException {
    stopped = true;
    selector.wakeup();
    try {
      thread.join(TimeUnit.SECONDS.toMillis(CALL_SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    for (SelectionKey key : selector.keys()) {
      key.channel().close();
    }
    selector.close();
  }
}
