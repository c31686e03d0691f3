package remoting

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
)

const (
	connectTimeout = time.Second // from dialling to the peer's ConnectResponse
	batchBytes     = 4 << 20     // a batch is sent when it has this many, or batchLength envelopes
	batchLength    = 128
	maxQueued      = 64 << 20 // bytes that wait for one peer
)

// writers are our connections, one per address. Each speaks the protocol of protoactor's endpoint writer, but never sleeps,
// announces its end exactly once and under its own identity, and bounds its queue.
type writers struct {
	system *actor.ActorSystem
	dial   []grpc.DialOption
	lost   func(addr string)            // the present connection to addr ended, and we did not mean it
	failed func(addr string, err error) // a connection could not be made

	mu      sync.Mutex
	current map[string]*writer
	closed  bool
	live    sync.WaitGroup
}

// writer is one connection and what waits for it.
type writer struct {
	all    *writers
	addr   string
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds a token while the queue may be non-empty

	mu     sync.Mutex
	queue  []*remote.MessageEnvelope
	queued int // bytes in queue
}

// send queues env for addr. With connect it may make a connection; without, a missing one is ErrNoLink, and a full queue
// is ErrBacklog.
func (ws *writers) send(addr string, env *process.Envelope, connect bool) error {
	data, err := proto.Marshal(env)
	if err != nil {
		return err // a name that is not UTF-8
	}
	ws.mu.Lock()
	w, ok := ws.current[addr]
	if !ok && connect && !ws.closed {
		w, ok = ws.open(addr), true
	}
	ws.mu.Unlock()
	if !ok {
		return ErrNoLink
	}
	return w.push(&remote.MessageEnvelope{MessageData: data}, !connect)
}

// open is called with mu held.
func (ws *writers) open(addr string) *writer {
	w := &writer{all: ws, addr: addr, wake: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	ws.current[addr] = w
	ws.live.Go(w.run)
	return w
}

// drop closes the connection to addr, with what waits in it and without a word to the link.
func (ws *writers) drop(addr string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w, ok := ws.current[addr]; ok {
		delete(ws.current, addr)
		w.cancel()
	}
}

// close drops all connections and lets no new one come.
func (ws *writers) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	for addr, w := range ws.current {
		delete(ws.current, addr)
		w.cancel()
	}
}

func (w *writer) push(e *remote.MessageEnvelope, bounded bool) error {
	w.mu.Lock()
	if bounded && w.queued+len(e.MessageData) > maxQueued {
		w.mu.Unlock()
		return ErrBacklog
	}
	w.queue = append(w.queue, e)
	w.queued += len(e.MessageData)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// take removes the next batch from the queue; nil if it is empty.
func (w *writer) take() []*remote.MessageEnvelope {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, bytes := 0, 0
	for n < len(w.queue) && n < batchLength && (n == 0 || bytes+len(w.queue[n].MessageData) <= batchBytes) {
		bytes += len(w.queue[n].MessageData)
		n++
	}
	batch := w.queue[:n:n]
	w.queue = w.queue[n:]
	w.queued -= bytes
	if len(w.queue) == 0 {
		w.queue = nil // lets the array go
	}
	return batch
}

// run connects, writes until the connection ends, and says so.
func (w *writer) run() {
	conn, err := grpc.NewClient("passthrough:///"+w.addr, w.all.dial...)
	if err == nil {
		w.converse(conn)
	}
	w.cancel()
	ws := w.all
	ws.mu.Lock()
	present := ws.current[w.addr] == w
	if present {
		delete(ws.current, w.addr)
	}
	ws.mu.Unlock()
	if present {
		ws.lost(w.addr)
	}
	if conn != nil {
		conn.Close() // after the word: on a dead network this takes seconds
	}
}

func (w *writer) converse(conn *grpc.ClientConn) {
	stream, err := w.connect(conn)
	if err != nil {
		w.all.failed(w.addr, err)
		return
	}
	w.all.live.Go(func() { // whatever the peer sends here, only the end matters
		defer w.cancel()
		for {
			if _, err := stream.Recv(); err != nil {
				return
			}
		}
	})
	targets := []*actor.PID{actor.NewPID(w.addr, Gateway)}
	types := []string{envelopeType}
	for {
		select {
		case <-w.wake:
		case <-w.ctx.Done():
			return
		}
		for batch := w.take(); len(batch) > 0; batch = w.take() {
			err := stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{
				MessageBatch: &remote.MessageBatch{TypeNames: types, Targets: targets, Envelopes: batch},
			}})
			if err != nil {
				return
			}
		}
	}
}

// connect opens the stream and exchanges greetings as protoactor does.
func (w *writer) connect(conn *grpc.ClientConn) (remote.Remoting_ReceiveClient, error) {
	limit := time.AfterFunc(connectTimeout, w.cancel)
	stream, err := remote.NewRemotingClient(conn).Receive(w.ctx)
	if err != nil {
		return nil, err
	}
	sc := &remote.ServerConnection{SystemId: w.all.system.ID, Address: w.all.system.Address()}
	err = stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{
		ConnectRequest: &remote.ConnectRequest{ConnectionType: &remote.ConnectRequest_ServerConnection{ServerConnection: sc}},
	}})
	if err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	switch {
	case err != nil:
		return nil, err
	case answer.GetConnectResponse() == nil:
		return nil, io.ErrUnexpectedEOF
	case !limit.Stop():
		return nil, errConnect
	}
	return stream, nil
}

var errConnect = errors.New("remoting: connect took too long")
