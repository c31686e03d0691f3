package remoting

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
)

const (
	connectTimeout = time.Second // from dialling to the peer's ConnectResponse
	splitBatch     = 4 << 20     // bytes; a larger batch goes out in several parts
	settlePause    = 10 * time.Millisecond
)

// outbounds stands between protoactor's endpoint writers and gRPC, as a client interceptor. It repairs what would hurt us
// there: a failed connect makes the writer sleep two seconds, a connection that we closed ourselves is announced as lost
// and takes its successor down with it, a stream that ends in EOF leaves a dead endpoint in place, and a batch over the
// message limit is lost as a whole.
type outbounds struct {
	tell func(any)

	mu      sync.Mutex
	current map[string]*outbound // by address: the newest connection
	flows   map[string]*flow
	closed  bool
	live    sync.WaitGroup
	sub     *eventstream.Subscription
}

func newOutbounds(tell func(any)) *outbounds {
	return &outbounds{tell: tell, current: map[string]*outbound{}, flows: map[string]*flow{}}
}

// A flow counts the bytes that wait for one address.
type flow struct{ queued atomic.Int64 }

func (f *flow) take(n int64) bool {
	if f.queued.Add(n) > maxQueued {
		f.queued.Add(-n)
		return false
	}
	return true
}

func (f *flow) give(n int64) {
	if f.queued.Add(-n) < 0 {
		f.queued.Store(0) // a reset came between; the bound is a safety valve, not a ledger
	}
}

func (o *outbounds) flow(addr string) *flow {
	o.mu.Lock()
	defer o.mu.Unlock()
	f, ok := o.flows[addr]
	if !ok {
		f = &flow{}
		o.flows[addr] = f
	}
	return f
}

// watch learns from protoactor when it holds an address for connected.
func (o *outbounds) watch(system *actor.ActorSystem) {
	o.sub = system.EventStream.Subscribe(func(ev any) {
		if c, ok := ev.(*remote.EndpointConnectedEvent); ok {
			o.mu.Lock()
			s := o.current[c.Address]
			o.mu.Unlock()
			if s != nil {
				s.settle.Do(func() { close(s.settled) })
			}
		}
	})
}

// outbound is one connection of ours, as its endpoint writer sees it.
type outbound struct {
	grpc.ClientStream // nil if the connect failed
	all               *outbounds
	addr              string
	flow              *flow
	cancel            context.CancelFunc
	timer             *time.Timer
	greeted           bool // ConnectResponse has been handed on
	dead              atomic.Pointer[error]
	sendFailed        atomic.Bool
	dropped           atomic.Bool // we, or protoactor, closed it: nothing to announce
	settle            sync.Once
	settled           chan struct{} // closed when protoactor has registered the endpoint
}

// intercept is a grpc.StreamClientInterceptor. It never fails: a connection that cannot be made is born dead and ends at
// once, which protoactor handles without sleeping.
func (o *outbounds) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &outbound{all: o, addr: cc.Target(), flow: o.flow(cc.Target()), cancel: cancel, settled: make(chan struct{})}
	if !o.adopt(s) {
		s.die(context.Canceled)
		return s, nil
	}
	s.flow.queued.Store(0)
	s.timer = time.AfterFunc(connectTimeout, cancel)
	cs, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil {
		s.die(err)
		return s, nil
	}
	s.ClientStream = cs
	return s, nil
}

func (o *outbounds) adopt(s *outbound) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live.Add(1)
	o.current[s.addr] = s
	return !o.closed
}

// drop closes the connection to addr without a word to the link.
func (o *outbounds) drop(system *actor.ActorSystem, addr string) {
	o.mu.Lock()
	s := o.current[addr]
	delete(o.current, addr)
	delete(o.flows, addr)
	o.mu.Unlock()
	if s != nil {
		s.dropped.Store(true)
		s.cancel() // frees a writer that flow control holds
	}
	system.EventStream.Publish(&remote.EndpointTerminatedEvent{Address: addr})
}

func (o *outbounds) close(system *actor.ActorSystem) {
	o.mu.Lock()
	o.closed = true
	addrs := make([]string, 0, len(o.current))
	for a := range o.current {
		addrs = append(addrs, a)
	}
	o.mu.Unlock()
	for _, a := range addrs {
		o.drop(system, a)
	}
}

func (o *outbounds) wait(system *actor.ActorSystem) {
	o.live.Wait()
	system.EventStream.Unsubscribe(o.sub)
}

func (s *outbound) die(err error) { s.dead.CompareAndSwap(nil, &err) }

// end announces the loss, unless a newer connection to the address exists or the loss was meant.
func (s *outbound) end() {
	s.cancel()
	if s.timer != nil {
		s.timer.Stop()
	}
	o := s.all
	o.mu.Lock()
	lost := o.current[s.addr] == s
	if lost {
		delete(o.current, s.addr)
	}
	closed := o.closed
	o.mu.Unlock()
	if lost && !closed && !s.dropped.Load() {
		o.tell(outLost{s.addr})
	}
	o.live.Done()
}

func (s *outbound) RecvMsg(m any) error {
	if !s.greeted {
		s.greeted = true
		s.greet(m)
		return nil
	}
	var err error
	if dead := s.dead.Load(); dead != nil {
		s.awaitSettled()
		err = *dead
	} else if err = s.ClientStream.RecvMsg(m); err == nil {
		return nil
	}
	meant := s.dropped.Load()
	s.end()
	switch {
	case meant:
		return io.EOF // protoactor then leaves the address, and so a successor, alone
	case err == io.EOF:
		return io.ErrUnexpectedEOF // a bare EOF would leave a dead endpoint behind
	}
	return err
}

// greet reads the peer's ConnectResponse, or makes one up for a stream that will end at the next read.
func (s *outbound) greet(m any) {
	rm, ok := m.(*remote.RemoteMessage)
	if ok && s.dead.Load() == nil {
		err := s.ClientStream.RecvMsg(m)
		if err == nil && rm.GetConnectResponse() == nil {
			err = io.ErrUnexpectedEOF
		}
		if !s.timer.Stop() && err == nil {
			err = context.DeadlineExceeded
		}
		if err == nil {
			return
		}
		s.die(err)
		s.cancel()
	}
	rm.MessageType = &remote.RemoteMessage_ConnectResponse{ConnectResponse: &remote.ConnectResponse{}}
}

// awaitSettled holds the end of a stillborn connection back until protoactor has registered its endpoint: told the end
// first, it would register a new endpoint afterwards, and so on for ever.
func (s *outbound) awaitSettled() {
	limit := time.NewTimer(connectTimeout)
	defer limit.Stop()
	select {
	case <-s.settled:
		limit.Reset(settlePause) // other subscribers of the same event may come after us
		<-limit.C
	case <-limit.C:
	}
}

func (s *outbound) SendMsg(m any) error {
	rm, ok := m.(*remote.RemoteMessage)
	if !ok {
		return io.ErrUnexpectedEOF
	}
	batch := rm.GetMessageBatch()
	if batch == nil { // ConnectRequest: an error here would make the writer sleep
		if s.dead.Load() == nil {
			if err := s.ClientStream.SendMsg(m); err != nil {
				s.die(err)
			}
		}
		return nil
	}
	if s.dead.Load() != nil {
		return io.ErrUnexpectedEOF
	}
	for part, bytes := range parts(batch) {
		if err := s.ClientStream.SendMsg(part); err != nil {
			s.sendFailed.Store(true)
			return err
		}
		s.flow.give(bytes)
	}
	return nil
}

// parts cuts a batch so that each part stays near splitBatch, with the bytes of envelopes in it.
func parts(b *remote.MessageBatch) func(yield func(*remote.RemoteMessage, int64) bool) {
	return func(yield func(*remote.RemoteMessage, int64) bool) {
		from, bytes := 0, 0
		for i, e := range b.Envelopes {
			bytes += len(e.MessageData)
			last := i == len(b.Envelopes)-1
			if !last && bytes+len(b.Envelopes[i+1].MessageData) <= splitBatch {
				continue
			}
			part := &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
				TypeNames: b.TypeNames, Targets: b.Targets, Senders: b.Senders, Envelopes: b.Envelopes[from : i+1],
			}}}
			if !yield(part, int64(bytes)) {
				return
			}
			from, bytes = i+1, 0
		}
	}
}

// CloseSend comes from a writer that stops. If it stops because a send failed, the loss is still to be announced.
func (s *outbound) CloseSend() error {
	if !s.sendFailed.Load() && s.dead.Load() == nil {
		s.dropped.Store(true)
	}
	if s.ClientStream == nil {
		return nil
	}
	return s.ClientStream.CloseSend()
}
