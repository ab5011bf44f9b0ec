package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pictor-proxy/pictor/cache/purge"
	"github.com/pictor-proxy/pictor/cache/redisclient"
)

// redisBus is a stream whose messages have the IDs 1-0, 2-0, 3-0 …
type redisBus struct {
	client *redis.Client
	// keys are those of the bus's identity, of the stream, and of the set of servers. They have one hash tag, so
	// that a Redis cluster keeps them together.
	id, log, servers string
}

// openRedis does not wait for Redis.
func openRedis(address, name string) (purge.Bus, error) {
	client, err := redisclient.New(address)
	if err != nil {
		return nil, fmt.Errorf("the purge bus is %w", err)
	}
	key := "{pictor:" + name + "}:"
	return &redisBus{client: client, id: key + "id", log: key + "purges", servers: key + "servers"}, nil
}

// lastFunction is a function for scripts: the sequence of the last message that a stream ever had, which outlives
// messages that were dropped.
const lastFunction = `
local function last_of(stream)
  if redis.call('EXISTS', stream) == 0 then
    return '0'
  end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return string.match(info[i+1], '^%d+')
    end
  end
  return '0'
end
`

// spanScript gives the bus an identity if it has none.
var spanScript = redis.NewScript(lastFunction + `
local id = redis.call('GET', KEYS[1])
if not id then
  id = ARGV[1]
  redis.call('SET', KEYS[1], id)
end
local first = ''
local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
if #oldest > 0 then
  first = string.match(oldest[1][1], '^%d+')
end
return {id, first, last_of(KEYS[2])}`)

func (b *redisBus) Span(ctx context.Context) (purge.Span, error) {
	got, err := spanScript.Run(ctx, b.client, []string{b.id, b.log}, purge.NewID()).StringSlice()
	if err != nil {
		return purge.Span{}, redisError(err)
	}
	if len(got) != 3 {
		return purge.Span{}, errReply
	}
	span := purge.Span{ID: got[0]}
	if span.Last, err = strconv.ParseUint(got[2], 10, 63); err != nil {
		return purge.Span{}, errReply
	}
	if got[1] == "" {
		span.First = span.Last + 1
		return span, nil
	}
	if span.First, err = strconv.ParseUint(got[1], 10, 63); err != nil {
		return purge.Span{}, errReply
	}
	return span, nil
}

var errReply = errors.New("redis gave an answer that the purge bus does not know")

// appendScript adds a message with the next ID, in one step.
var appendScript = redis.NewScript(lastFunction + `
local id = string.format('%.0f-0', tonumber(last_of(KEYS[1])) + 1)
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], id, 'purge', ARGV[1])
return id`)

func (b *redisBus) Append(ctx context.Context, data []byte) (uint64, error) {
	if len(data) > maxMessage {
		return 0, errTooLarge
	}
	id, err := appendScript.Run(ctx, b.client, []string{b.log}, data, keptMessages).Text()
	if err != nil {
		return 0, redisError(err)
	}
	return sequenceOf(id)
}

// sequenceOf reads the ID of a message.
func sequenceOf(id string) (uint64, error) {
	text, ok := strings.CutSuffix(id, "-0")
	seq, err := strconv.ParseUint(text, 10, 63)
	if err != nil || !ok {
		return 0, errReply
	}
	return seq, nil
}

func (b *redisBus) Read(ctx context.Context, behind uint64, wait time.Duration) ([]purge.Message, error) {
	block := wait
	if wait <= 0 {
		block = -1 // which XREAD has for not at all; 0 would be for ever
	}
	streams, err := b.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{b.log, strconv.FormatUint(behind, 10) + "-0"}, Count: batch, Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if errors.Is(err, redisclient.ErrReply) {
		return b.readBounded(ctx, behind)
	}
	if err != nil {
		return nil, redisError(err)
	}
	var messages []purge.Message
	for _, stream := range streams {
		for _, m := range stream.Messages {
			seq, err := sequenceOf(m.ID)
			if err != nil {
				return nil, err
			}
			data, _ := m.Values["purge"].(string)
			if len(data) > maxMessage {
				data = ""
			}
			messages = append(messages, purge.Message{Seq: seq, Data: []byte(data)})
		}
	}
	return messages, nil
}

// boundedScript gives messages behind a sequence as an ID and data each: no more than ARGV[4], which have no more than
// ARGV[3] bytes together, but always one, and without data where it has more than ARGV[2] bytes.
var boundedScript = redis.NewScript(`
local list, total, from = {}, 0, ARGV[1] .. '-1'
for _ = 1, ARGV[4] do
  local found = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)
  if #found == 0 then
    break
  end
  local id, fields, data = found[1][1], found[1][2], ''
  for i = 1, #fields, 2 do
    if fields[i] == 'purge' and #fields[i+1] <= tonumber(ARGV[2]) then
      data = fields[i+1]
    end
  end
  total = total + #data
  if #list > 0 and total > tonumber(ARGV[3]) then
    break
  end
  list[#list+1], list[#list+2] = id, data
  local sequence = string.match(id, '^(%d+)-0$')
  if not sequence then
    break
  end
  from = sequence .. '-1'
end
return list`)

// readBounded gives messages where XREAD gives more than a reply may have.
func (b *redisBus) readBounded(ctx context.Context, behind uint64) (messages []purge.Message, err error) {
	list, err := boundedScript.Run(ctx, b.client, []string{b.log}, behind, maxMessage, maxBatch, batch).StringSlice()
	if err != nil {
		return nil, redisError(err)
	}
	for i := 0; i+1 < len(list); i += 2 {
		seq, err := sequenceOf(list[i])
		if err != nil {
			return nil, err
		}
		messages = append(messages, purge.Message{Seq: seq, Data: []byte(list[i+1])})
	}
	return messages, nil
}

// serverKey is where a server is announced. The key expires by itself.
func (b *redisBus) serverKey(server string) string { return b.servers + ":" + server }

func (b *redisBus) Announce(ctx context.Context, m purge.Member, ttl time.Duration) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, b.servers, m.Server)
		p.Set(ctx, b.serverKey(m.Server), data, ttl)
		return nil
	})
	return redisError(err)
}

func (b *redisBus) Withdraw(ctx context.Context, server string) error {
	_, err := b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.SRem(ctx, b.servers, server)
		p.Del(ctx, b.serverKey(server))
		return nil
	})
	return redisError(err)
}

// membersScript gives what is announced, and takes servers whose announcement has expired off the set.
var membersScript = redis.NewScript(`
local list = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local m = redis.call('GET', KEYS[1] .. ':' .. name)
  if m then
    list[#list+1] = m
  else
    redis.call('SREM', KEYS[1], name)
  end
end
return list`)

// Members has a memory as long as the process of Redis runs: what it had on disk may be older than its end.
func (b *redisBus) Members(ctx context.Context) ([]purge.Member, time.Duration, error) {
	texts, err := membersScript.Run(ctx, b.client, []string{b.servers}).StringSlice()
	if err != nil {
		return nil, 0, redisError(err)
	}
	var list []purge.Member
	for _, text := range texts {
		var m purge.Member
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return nil, 0, errReply
		}
		list = append(list, m)
	}
	info, err := b.client.Info(ctx, "server").Result()
	if err != nil {
		return nil, 0, redisError(err)
	}
	_, rest, _ := strings.Cut(info, "uptime_in_seconds:")
	text, _, _ := strings.Cut(rest, "\r\n")
	seconds, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, 0, errReply
	}
	return list, time.Duration(seconds) * time.Second, nil
}

func (b *redisBus) Close() error { return b.client.Close() }

// redisError says what failed.
func redisError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redis: %w", err)
}
