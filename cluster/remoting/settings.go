package remoting

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
)

const (
	maxMessage     = MaxBody + 64<<10 // bytes of one gRPC message to a member: one envelope may have MaxBody, several have batchBytes
	maxAnswer      = 64 << 10         // bytes of one gRPC message from the member that we have dialled: it says hardly anything there
	maxHeaders     = 16 << 10         // bytes of the headers of a stream, decoded
	keepaliveTime  = 10 * time.Second
	keepaliveReply = 3 * time.Second
	window         = 4 << 20 // bytes in flight per stream and per connection
	maxStreams     = 1       // per connection; a member uses one

	handshakeTimeout = 5 * time.Second // for whoever connects and says nothing sensible
)

// serverOptions and dialOptions are set on both ends alike. gRPC's defaults refuse messages over 4 MiB and notice no
// silent peer; and a client that pings more often than its server allows is cut off.
func serverOptions(k *keyring) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(k.porter("")),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxAnswer), grpc.MaxHeaderListSize(maxHeaders),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		grpc.ConnectionTimeout(handshakeTimeout), grpc.MaxConcurrentStreams(maxStreams), grpc.WaitForHandlers(true),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveReply}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
	}
}

func dialOptions(k *keyring, peer string) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(k.porter(peer)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithMaxHeaderListSize(maxHeaders), grpc.WithInitialWindowSize(maxAnswer), grpc.WithInitialConnWindowSize(maxAnswer),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: keepaliveTime, Timeout: keepaliveReply, PermitWithoutStream: true,
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithIdleTimeout(0),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr) // no proxy between members
		}),
	}
}
