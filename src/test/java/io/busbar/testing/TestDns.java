package io.busbar.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * A DNS server (RFC 1035) that knows the IPv4 addresses of one name, as the server of a Kubernetes
 * cluster knows those of a headless service. Other names do not exist.
 */
public final class TestDns implements AutoCloseable {
  private static final int HEADER = 12;
  private static final short A = 1;
  private static final short INTERNET = 1;
  private static final int ANSWER = 0x8400;
  private static final int NO_SUCH_NAME = 3;

  /** A pointer to the name of the question. */
  private static final short OF_THE_QUESTION = (short) 0xc000 | HEADER;

  private final String name;
  private final DatagramSocket socket;
  private volatile List<InetAddress> addresses = List.of();

  /** Answers from now on. */
  public TestDns(String name, InetSocketAddress at) throws SocketException {
    this.name = name;
    this.socket = new DatagramSocket(at);
    Thread thread = new Thread(this::serve, "dns");
    thread.setDaemon(true);
    thread.start();
  }

  /** The name has these addresses from now on. */
  public void are(List<InetAddress> now) {
    addresses = List.copyOf(now);
  }

  private void serve() {
    byte[] buffer = new byte[512];
    while (!socket.isClosed()) {
      try {
        DatagramPacket question = new DatagramPacket(buffer, buffer.length);
        socket.receive(question);
        byte[] answer = answer(Arrays.copyOf(buffer, question.getLength()));
        socket.send(new DatagramPacket(answer, answer.length, question.getSocketAddress()));
      } catch (IOException e) {
        if (!socket.isClosed()) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }

  private byte[] answer(byte[] asking) {
    ByteBuffer question = ByteBuffer.wrap(asking);
    short id = question.getShort(0);
    question.position(HEADER);
    StringBuilder asked = new StringBuilder();
    for (int length = question.get(); length > 0; length = question.get()) {
      byte[] label = new byte[length];
      question.get(label);
      asked.append(asked.isEmpty() ? "" : ".").append(new String(label, StandardCharsets.US_ASCII));
    }
    final short type = question.getShort();
    question.getShort();
    boolean isKnown = name.equalsIgnoreCase(asked.toString());
    List<InetAddress> given = isKnown && type == A ? addresses : List.of();
    ByteBuffer answer = ByteBuffer.allocate(512);
    answer.putShort(id).putShort((short) (ANSWER | (isKnown ? 0 : NO_SUCH_NAME)));
    answer
        .putShort((short) 1)
        .putShort((short) given.size())
        .putShort((short) 0)
        .putShort((short) 0);
    answer.put(asking, HEADER, question.position() - HEADER);
    for (InetAddress one : given) {
      answer.putShort(OF_THE_QUESTION).putShort(A).putShort(INTERNET).putInt(0);
      answer.putShort((short) one.getAddress().length).put(one.getAddress());
    }
    byte[] bytes = new byte[answer.position()];
    answer.flip().get(bytes);
    return bytes;
  }

  @Override
  public void close() {
    socket.close();
  }
}
