package bus

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pictor-proxy/pictor/cache/redisclient"
)

// Check asks the engine of a URL, as Open takes it, whether it is there and lets this client in. It writes nothing,
// tries once, and ends with ctx. No error has the URL's password.
func Check(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("not a URL: write it like redis://host:6379/0 or nats://host:4222")
	}
	if u.Scheme == "nats" || u.Scheme == "tls" {
		return checkNATS(ctx, address)
	}
	client, err := redisclient.New(address)
	if err != nil {
		return err
	}
	defer client.Close()
	return redisError(client.Ping(ctx).Err())
}

func checkNATS(ctx context.Context, address string) error {
	timeout := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	conn, err := nats.Connect(address, nats.NoReconnect(), nats.Timeout(timeout), nats.Name("pictor"))
	switch {
	case errors.As(err, new(*url.Error)):
		return errors.New("not a URL of NATS: write it like nats://user:password@host:4222")
	case err != nil:
		return natsError(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err == nil {
		_, err = js.AccountInfo(ctx)
	}
	if err != nil {
		return fmt.Errorf("nats: JetStream: %w", err)
	}
	return nil
}
