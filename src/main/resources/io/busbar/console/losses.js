// The loss ledger: why messages were not delivered.

import { sparkline } from './charts.js';
import { h, heading, panel, show, table } from './dom.js';
import { brief, count } from './format.js';
import { KEPT } from './meters.js';

/** As docs/metrics.md has them. */
export const MEANINGS = {
  no_subscriber: 'a publish that matched no subscription and no event route',
  not_authorized: 'the publisher had no permission; the message was refused or dropped',
  expired: 'the Message Expiry Interval passed while the message waited',
  queue_full: "the receiver's queue was full",
  slow_receiver: 'QoS 0 to a receiver whose socket takes no more',
  publisher_throttled: 'beyond what clients may publish in a second; a publisher at QoS 1 or 2 was told so',
  receiver_throttled: 'QoS 0 beyond what a client gets in a second',
  too_large: "larger than the receiver's Maximum Packet Size",
  session_ended: 'the connection of a session that is not stored ended with messages queued or in flight',
  node_busy: 'QoS 0 that waited too long for credit towards another node',
  node_lost: 'sent to a node that left before it said that it has the message',
  store_full: 'the store had no room; a publisher at QoS 1 or 2 was told so',
  store_unavailable: 'the store could not promise to keep it; a publisher at QoS 1 or 2 was told so',
  event_queue_full: 'the queue of an event subscription was full when a device published',
  event_expired: "an event's time to live passed while it waited in the queue of its subscription",
  event_undelivered: 'an event was given out as often as may be, and never acknowledged',
  event_rejected: 'whoever received the event rejected it',
  event_queue_gone: 'the event subscription was deleted while the event waited',
};

export const LOST = 'busbar.lost';

/** What was lost for each reason: in all, in the last minute, how fast. */
export function ledger(meters) {
  return meters.values(LOST).map((one) => {
    const { reason } = one.tags;
    const wanted = (tags) => tags.reason === reason;
    return {
      reason,
      all: one.value,
      minute: meters.lately(LOST, 60_000, wanted).more,
      rates: meters.rates(LOST, wanted),
    };
  });
}

export const losses = {
  id: 'losses',
  title: 'Loss ledger',
  open(page, context) {
    const content = h('div');
    show(
      page,
      heading('Loss ledger', `Every message that ${context.meters.node.node} did not deliver, once for each destination it did not reach, since the node was started.`),
      content,
    );
    const columns = [
      { title: 'Reason', cell: (row) => h('b', { class: row.minute > 0 ? 'warn-text' : '' }, row.reason.replaceAll('_', ' ')) },
      { title: 'Meaning', wide: true, cell: (row) => MEANINGS[row.reason] ?? '' },
      { title: 'Since the start', number: true, cell: (row) => count(row.all) },
      { title: 'Last minute', number: true, cell: (row) => count(row.minute) },
      { title: 'Lately', cell: (row) => (row.all > 0 ? sparkline(`${row.reason}, the last minutes`, row.rates, KEPT) : '') },
    ];
    return context.onMeters(() => {
      const rows = ledger(context.meters);
      const order = (a, b) => b.minute - a.minute || b.all - a.all;
      const some = rows.filter((row) => row.all > 0).sort(order);
      const none = rows.filter((row) => row.all === 0);
      const all = rows.reduce((sum, row) => sum + row.all, 0);
      show(
        content,
        panel('Lost', `${count(all)} in all, ${brief(context.meters.rate(LOST))} a second now`, table('What was lost', columns, some, 'Nothing was lost.')),
        panel('Reasons that did not occur', '', table('Reasons that did not occur', columns.slice(0, 2), none, 'None.')),
      );
    });
  },
};
