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
// messages that were dropped. A consumer group is put there, as XINFO STREAM would copy the first and the last message
// of the stream, of which one may be anyone's and have 512 MB.
const lastFunction = `
local function last_of(stream)
  if redis.call('EXISTS', stream) == 0 then
    return '0'
  end
  if redis.pcall('XGROUP', 'SETID', stream, 'pictor', '$').err then
    redis.call('XGROUP', 'CREATE', stream, 'pictor', '$')
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local of = {}
    for i = 1, #group, 2 do
      of[group[i]] = group[i+1]
    end
    if of.name == 'pictor' then
      return string.match(of['last-delivered-id'], '^%d+')
    end
  end
  return redis.error_reply('ERR the stream has no group')
end
`

// dropFunction is a function for scripts that takes all messages off a stream, and puts one there that purges
// everything, as servers have to for what was there.
const dropFunction = lastFunction + `
local function drop_all(stream, message)
  local id = string.format('%.0f-0', tonumber(last_of(stream)) + 1)
  redis.call('XTRIM', stream, 'MAXLEN', 0)
  redis.call('XADD', stream, id, 'purge', message)
end
`

// spanScript gives the bus an identity if it has none. The memory of a short stream tells of a message that is too
// large before anyone has to read it; ARGV[2] is what each may have.
var spanScript = redis.NewScript(dropFunction + `
if redis.call('STRLEN', KEYS[1]) ~= 32 then
  redis.call('SET', KEYS[1], ARGV[1])
end
local length = redis.call('XLEN', KEYS[2])
if length > 0 and length <= 1000 then
  local used = redis.pcall('MEMORY', 'USAGE', KEYS[2], 'SAMPLES', 0)
  if type(used) == 'number' and used > 1048576 + length * 2 * ARGV[2] then
    drop_all(KEYS[2], ARGV[3])
    length = 1
  end
end
return {redis.call('GET', KEYS[1]), last_of(KEYS[2]), tostring(length)}`)

// Span counts back from the last message to the first one, which it does not look at. Where messages are missing in
// between, or IDs were left out, First is behind the oldest one, and servers purge everything that would have had to
// for the gap.
func (b *redisBus) Span(ctx context.Context) (purge.Span, error) {
	got, err := spanScript.Run(ctx, b.client, []string{b.id, b.log}, purge.NewID(), maxMessage,
		purge.MessageForAll()).StringSlice()
	if err != nil {
		return purge.Span{}, redisError(err)
	}
	if len(got) != 3 {
		return purge.Span{}, errReply
	}
	span := purge.Span{ID: got[0]}
	if span.Last, err = strconv.ParseUint(got[1], 10, 63); err != nil {
		return purge.Span{}, errReply
	}
	length, err := strconv.ParseUint(got[2], 10, 63)
	if err != nil {
		return purge.Span{}, errReply
	}
	span.First = span.Last - min(span.Last, length) + 1
	return span, nil
}

var errReply = errors.New("redis gave an answer that the purge bus does not know")

// appendScript adds messages with the next IDs, in one step.
var appendScript = redis.NewScript(lastFunction + `
local id
local last = tonumber(last_of(KEYS[1]))
for i = 2, #ARGV do
  id = string.format('%.0f-0', last + i - 1)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], id, 'purge', ARGV[i])
end
return id`)

// Append adds all of the messages, or none.
func (b *redisBus) Append(ctx context.Context, messages ...[]byte) (uint64, error) {
	if err := checkSizes(messages); err != nil {
		return 0, err
	}
	args := []any{keptMessages}
	for _, data := range messages {
		args = append(args, data)
	}
	id, err := appendScript.Run(ctx, b.client, []string{b.log}, args...).Text()
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

func (b *redisBus) Read(ctx context.Context, behind uint64, most int, wait time.Duration) ([]purge.Message, error) {
	block := wait
	if wait <= 0 {
		block = -1 // which XREAD has for not at all; 0 would be for ever
	}
	streams, err := b.client.XRead(ctx, &redis.XReadArgs{
		Streams: []string{b.log, strconv.FormatUint(behind, 10) + "-0"}, Count: int64(min(most, batch)), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if errors.Is(err, redisclient.ErrReply) {
		return nil, b.dropAll(ctx, behind)
	}
	if err != nil {
		return nil, redisError(err)
	}
	var messages []purge.Message
	for _, stream := range streams {
		for _, m := range stream.Messages {
			seq, err := sequenceOf(m.ID)
			data, _ := m.Values["purge"].(string)
			if err != nil || len(data) > maxMessage {
				return nil, b.dropAll(ctx, behind)
			}
			messages = append(messages, purge.Message{Seq: seq, Data: []byte(data)})
		}
	}
	return messages, nil
}

// dropScript drops all messages, unless those right behind a sequence were dropped already: each server that finds what
// it cannot take asks for that.
var dropScript = redis.NewScript(dropFunction + `
local length = redis.call('XLEN', KEYS[1])
if length > 0 and tonumber(ARGV[1]) >= tonumber(last_of(KEYS[1])) - length then
  drop_all(KEYS[1], ARGV[2])
end
return 1`)

// dropAll takes off what no server can read, as each would have to ask for it again and again. To find out which of the
// messages it is would copy it; none of them is needed, as everything is purged.
func (b *redisBus) dropAll(ctx context.Context, behind uint64) error {
	return redisError(dropScript.Run(ctx, b.client, []string{b.log}, behind, purge.MessageForAll()).Err())
}

// serverKey is where a server is announced. The key expires by itself.
func (b *redisBus) serverKey(server string) string { return b.servers + ":" + server }

func (b *redisBus) Announce(ctx context.Context, m purge.Member, ttl time.Duration) error {
	data, err := encodeMember(m)
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

// membersScript gives what is announced, and takes servers off the set whose announcement has expired, or has more than
// ARGV[1] bytes, as none of a server has.
var membersScript = redis.NewScript(`
local list = {}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local key = KEYS[1] .. ':' .. name
  local size = redis.call('STRLEN', key)
  if size > 0 and size <= tonumber(ARGV[1]) then
    list[#list+1] = redis.call('GET', key)
  else
    redis.call('SREM', KEYS[1], name)
  end
end
return list`)

// Members has a memory as long as the process of Redis runs: what it had on disk may be older than its end.
func (b *redisBus) Members(ctx context.Context) ([]purge.Member, time.Duration, error) {
	texts, err := membersScript.Run(ctx, b.client, []string{b.servers}, maxMember).StringSlice()
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
