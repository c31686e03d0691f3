package member

import "sync"

// A Feed hands views from an implementation of [Discovery] to its reader and keeps only the newest one. The zero value
// is not usable; see [NewFeed]. It is safe for several goroutines.
type Feed struct {
	mu     sync.Mutex
	views  chan View
	last   View
	sent   bool
	closed bool
}

// NewFeed returns an empty feed.
func NewFeed() *Feed { return &Feed{views: make(chan View, 1)} }

// Views returns the channel for [Session.Views].
func (f *Feed) Views() <-chan View { return f.views }

// Publish makes v the view that the reader finds next. It never blocks. A view equal to the one before is dropped, and
// so is every view after Close.
func (f *Feed) Publish(v View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.sent && f.last.Equal(v) {
		return
	}
	f.last, f.sent = v, true
	select {
	case <-f.views: // unread and out of date
	default:
	}
	f.views <- v // there is room: only Publish sends, and it holds the lock
}

// Close ends the feed. A reader finds the closed channel at once, without a last view.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	select {
	case <-f.views:
	default:
	}
	close(f.views)
}
