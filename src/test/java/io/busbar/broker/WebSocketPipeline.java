package io.busbar.broker;

import io.busbar.config.Settings;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelPipeline;

/** Lets tests of other packages put {@link WebSockets} into a pipeline. */
public final class WebSocketPipeline {
  private WebSocketPipeline() {}

  /** As a listener does it, in a pipeline that ends with a handler named "handler". */
  public static void configure(
      ChannelPipeline pipeline, Settings.Listener listener, int frameBytes, ChannelHandler mqtt) {
    WebSockets.configure(pipeline, listener, frameBytes);
    pipeline.addBefore("handler", "mqtt", mqtt);
  }
}
