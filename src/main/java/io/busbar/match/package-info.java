/** The subscription index: topic filter to destinations. Pure. */
package io.busbar.match;
