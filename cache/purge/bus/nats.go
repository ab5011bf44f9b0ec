package bus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pictor-proxy/pictor/cache/purge"
)

// natsBus is a stream of JetStream, whose messages have sequences of their own, and a second one with the last
// announcement of each server.
type natsBus struct {
	conn *nats.Conn
	js   jetstream.JetStream
	// purges and servers are the subjects; the names of the streams are made of the bus's name.
	purges, servers string
	name            string

	// arrived has room for one word that a purge was sent.
	arrived chan struct{}

	mu      sync.Mutex
	streams *natsStreams
}

type natsStreams struct{ purges, servers jetstream.Stream }

// maxPayload is how many bytes the messages of a server may have, whoever sends them.
const maxPayload = 8 << 20

// idKey is the metadata of the stream that has the bus's identity.
const idKey = "pictor-bus-id"

// openNATS does not wait for NATS, and connects again for ever.
func openNATS(address, name string) (purge.Bus, error) {
	b := &natsBus{purges: "pictor." + name + ".purges", servers: "pictor." + name + ".servers.", name: name,
		arrived: make(chan struct{}, 1)}
	var err error
	b.conn, err = nats.Connect(address, nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(200*time.Millisecond), nats.Timeout(time.Second), nats.ReconnectBufSize(-1),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.Name("pictor"))
	if err != nil {
		return nil, errors.New("the purge bus is not a URL of NATS: write it like nats://user:password@host:4222")
	}
	if b.js, err = jetstream.New(b.conn); err == nil {
		err = b.listen()
	}
	if err != nil {
		b.conn.Close()
		return nil, fmt.Errorf("nats: %w", err)
	}
	return b, nil
}

// listen has arrived told of each purge that is sent.
func (b *natsBus) listen() error {
	heard, err := b.conn.Subscribe(b.purges, func(*nats.Msg) {
		select {
		case b.arrived <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	return heard.SetPendingLimits(batch, maxBatch) // what is beyond is in the stream all the same
}

// open gives the streams, and makes those that are missing.
func (b *natsBus) open(ctx context.Context) (*natsStreams, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams != nil {
		return b.streams, nil
	}
	// What any client of the server may send comes to this one whole.
	if most := b.conn.MaxPayload(); most > maxPayload {
		return nil, fmt.Errorf("nats: the server takes messages of %d bytes: set its max_payload to %d or less", most,
			maxPayload)
	}
	purges, err := b.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "pictor-" + b.name + "-purges", Subjects: []string{b.purges}, MaxMsgs: keptMessages,
		MaxMsgSize: maxMessage, AllowDirect: true, Metadata: map[string]string{idKey: purge.NewID()},
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		purges, err = b.js.Stream(ctx, "pictor-"+b.name+"-purges")
	}
	if err != nil {
		return nil, natsError(err)
	}
	servers, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "pictor-" + b.name + "-servers", Subjects: []string{b.servers + "*"}, MaxMsgsPerSubject: 1,
		AllowMsgTTL: true, AllowDirect: true,
	})
	if err != nil {
		return nil, natsError(err)
	}
	b.streams = &natsStreams{purges, servers}
	return b.streams, nil
}

// forget has the streams looked up again: one may have been deleted.
func (b *natsBus) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams = nil
}

func (b *natsBus) Span(ctx context.Context) (purge.Span, error) {
	s, err := b.open(ctx)
	if err != nil {
		return purge.Span{}, err
	}
	info, err := s.purges.Info(ctx)
	if err != nil {
		b.forget()
		return purge.Span{}, natsError(err)
	}
	span := purge.Span{ID: info.Config.Metadata[idKey], First: info.State.FirstSeq, Last: info.State.LastSeq}
	if info.State.Msgs == 0 {
		span.First = span.Last + 1
	}
	return span, nil
}

// Append waits for none of the messages before it sends the next one.
func (b *natsBus) Append(ctx context.Context, messages ...[]byte) (last uint64, err error) {
	if err := checkSizes(messages); err != nil {
		return 0, err
	}
	if _, err := b.open(ctx); err != nil {
		return 0, err
	}
	var sent []jetstream.PubAckFuture
	for _, data := range messages {
		future, err := b.js.PublishAsync(b.purges, data, jetstream.WithRetryAttempts(0))
		if err != nil {
			b.forget()
			return 0, natsError(err)
		}
		sent = append(sent, future)
	}
	for _, future := range sent {
		select {
		case ack := <-future.Ok():
			last = max(last, ack.Sequence)
		case err = <-future.Err():
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			b.forget()
			return 0, natsError(err)
		}
	}
	return last, nil
}

// Subscribers hear of a purge as it is sent, a moment before it is in the stream.
const (
	settleFirst = time.Millisecond
	settleMost  = 64 * time.Millisecond
)

func (b *natsBus) Read(ctx context.Context, behind uint64, most int, wait time.Duration) ([]purge.Message, error) {
	s, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	messages, err := readStream(ctx, s.purges, behind, most)
	if err != nil || len(messages) > 0 || wait <= 0 {
		return messages, err
	}
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case <-b.arrived:
	case <-late.C:
	case <-ctx.Done():
	}
	for pause := settleFirst; ; pause *= 2 {
		messages, err = readStream(ctx, s.purges, behind, most)
		if err != nil || len(messages) > 0 || pause > settleMost {
			return messages, err
		}
		time.Sleep(pause)
	}
}

// readStream gives the messages behind a sequence that there are. Streams that an earlier version made take larger
// ones than it sends.
func readStream(ctx context.Context, s jetstream.Stream, behind uint64, most int) (list []purge.Message, err error) {
	for size := 0; len(list) < min(most, batch) && size < maxBatch; {
		m, err := s.GetMsg(ctx, behind+1+uint64(len(list)))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return list, nil
		}
		if err != nil {
			return nil, natsError(err)
		}
		size += len(m.Data)
		if len(m.Data) > maxMessage {
			m.Data = nil
		}
		list = append(list, purge.Message{Seq: m.Sequence, Data: m.Data})
	}
	return list, nil
}

// serverSubject has the name of a server, which may hold what a subject may not.
func (b *natsBus) serverSubject(server string) string {
	return b.servers + base64.RawURLEncoding.EncodeToString([]byte(server))
}

func (b *natsBus) Announce(ctx context.Context, m purge.Member, ttl time.Duration) error {
	if _, err := b.open(ctx); err != nil {
		return err
	}
	data, err := encodeMember(m)
	if err != nil {
		return err
	}
	whole := time.Duration(math.Ceil(ttl.Seconds())) * time.Second // NATS counts seconds
	_, err = b.js.Publish(ctx, b.serverSubject(m.Server), data, jetstream.WithMsgTTL(whole),
		jetstream.WithRetryAttempts(0))
	if err != nil {
		b.forget()
	}
	return natsError(err)
}

func (b *natsBus) Withdraw(ctx context.Context, server string) error {
	s, err := b.open(ctx)
	if err != nil {
		return err
	}
	return natsError(s.servers.Purge(ctx, jetstream.WithPurgeSubject(b.serverSubject(server))))
}

// Members has all the memory there is: announcements are in the stream, on disk.
func (b *natsBus) Members(ctx context.Context) ([]purge.Member, time.Duration, error) {
	s, err := b.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	info, err := s.servers.Info(ctx, jetstream.WithSubjectFilter(b.servers+"*"))
	if err != nil {
		b.forget()
		return nil, 0, natsError(err)
	}
	var list []purge.Member
	for subject := range info.State.Subjects {
		got, err := s.servers.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, natsError(err)
		}
		var m purge.Member
		if err := json.Unmarshal(got.Data, &m); err != nil {
			return nil, 0, errors.New("nats gave an answer that the purge bus does not know")
		}
		list = append(list, m)
	}
	return list, math.MaxInt64, nil
}

func (b *natsBus) Close() error {
	b.conn.Close()
	return nil
}

// natsError says what failed.
func natsError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("nats: %w", err)
}
