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

	maxGreeted  = 256              // connections to peers that no link is up with; fewer if the process may have few descriptors
	greetWithin = 10 * time.Second // how long such a connection may last
)

// An endpoint is a member at an address. With TLS, whoever answers there has to prove that it is that member.
type endpoint struct{ name, addr string }

// writers are our connections, one per member and address. Each speaks the protocol of protoactor's endpoint writer, but never sleeps,
// announces its end exactly once and under its own identity, and bounds its queue.
type writers struct {
	system *actor.ActorSystem
	dial   func(name string) []grpc.DialOption
	lost   func(endpoint)               // the present connection ended, and we did not mean it
	most   int                          // connections that no link keeps
	failed func(addr string, err error) // a connection could not be made

	mu      sync.Mutex
	current map[endpoint]*writer
	opened  uint64
	closed  bool
	live    sync.WaitGroup
}

// writer is one connection and what waits for it.
type writer struct {
	all    *writers
	to     endpoint
	kept   bool        // a link is up; guarded by all.mu
	born   uint64      // rises with each; guarded by all.mu
	limit  *time.Timer // ends a connection that is not kept
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds a token while the queue may be non-empty

	mu     sync.Mutex
	queue  []item
	queued int // bytes in queue
}

// An item is an encoded envelope.
type item struct {
	*remote.MessageEnvelope
	word bool // between links
}

// send queues env for a member at an address. With connect it may make a connection; without, a missing one is ErrNoLink, and a full queue
// is ErrBacklog.
func (ws *writers) send(to endpoint, env *process.Envelope, connect bool) error {
	data, err := proto.Marshal(env)
	if err != nil {
		return err // a name that is not UTF-8
	}
	ws.mu.Lock()
	w, ok := ws.current[to]
	if !ok && connect && !ws.closed {
		w, ok = ws.open(to), true
	}
	ws.mu.Unlock()
	if !ok {
		return ErrNoLink
	}
	return w.push(item{&remote.MessageEnvelope{MessageData: data}, reserved(env.GetKind())}, !connect)
}

// open is called with mu held. A stranger can make us greet any address, so connections that no link keeps are bounded in
// number and time; the oldest makes room.
func (ws *writers) open(to endpoint) *writer {
	var oldest *writer
	greeted := 0
	for _, w := range ws.current {
		if w.kept {
			continue
		}
		if greeted++; oldest == nil || w.born < oldest.born {
			oldest = w
		}
	}
	if greeted >= ws.most {
		delete(ws.current, oldest.to)
		oldest.cancel()
	}
	ws.opened++
	w := &writer{all: ws, to: to, born: ws.opened, wake: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.limit = time.AfterFunc(greetWithin, w.cancel)
	ws.current[to] = w
	ws.live.Go(w.run)
	return w
}

// keep lets the present connection last: a link is up.
func (ws *writers) keep(to endpoint) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w, ok := ws.current[to]; ok {
		w.kept = true
		w.limit.Stop()
	}
}

// drop closes the connection, with what waits in it and without a word to the link.
func (ws *writers) drop(to endpoint) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if w, ok := ws.current[to]; ok {
		delete(ws.current, to)
		w.cancel()
	}
}

// close drops all connections and lets no new one come.
func (ws *writers) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.closed = true
	for to, w := range ws.current {
		delete(ws.current, to)
		w.cancel()
	}
}

func (w *writer) push(e item, bounded bool) error {
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

// take removes the next batch from the queue; nil if it is empty. Words between links are small and end a batch: the peer reads
// little of a connection before it has handled the word that admits it.
func (w *writer) take() []*remote.MessageEnvelope {
	w.mu.Lock()
	defer w.mu.Unlock()
	bytes := 0
	var batch []*remote.MessageEnvelope
	for _, e := range w.queue {
		if n := len(batch); n == batchLength || n > 0 && bytes+len(e.MessageData) > batchBytes {
			break
		}
		bytes += len(e.MessageData)
		batch = append(batch, e.MessageEnvelope)
		if e.word {
			break
		}
	}
	w.queue = w.queue[len(batch):]
	w.queued -= bytes
	if len(w.queue) == 0 {
		w.queue = nil // lets the array go
	}
	return batch
}

// run connects, writes until the connection ends, and says so.
func (w *writer) run() {
	defer w.limit.Stop()
	conn, err := grpc.NewClient("passthrough:///"+w.to.addr, w.all.dial(w.to.name)...)
	if err == nil {
		w.converse(conn)
	}
	w.cancel()
	ws := w.all
	ws.mu.Lock()
	present := ws.current[w.to] == w
	if present {
		delete(ws.current, w.to)
	}
	ws.mu.Unlock()
	if present {
		ws.lost(w.to)
	}
	if conn != nil {
		conn.Close() // after the word: on a dead network this takes seconds
	}
}

func (w *writer) converse(conn *grpc.ClientConn) {
	stream, err := w.connect(conn)
	if err != nil {
		w.all.failed(w.to.addr, err)
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
	targets := []*actor.PID{actor.NewPID(w.to.addr, ShellName)}
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
