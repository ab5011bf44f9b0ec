package main

import (
	"time"

	"github.com/pictor-proxy/pictor/proxy"
)

// explainAccess is what URLs may ask for.
type explainAccess struct {
	// unsigned is nil where each path needs a signature.
	unsigned *proxy.UnsignedAccess
	// policies are those of access keys, by their ids.
	policies map[string]proxy.AccessPolicy
}

// judgeKey adds what the policy of the key says of a URL whose signature is right.
func (e *explainer) judgeKey(v *verdict) {
	policy, ok := e.policies[v.diag.KeyID]
	if !ok || !v.diag.Valid || v.err != nil && !policy.Revoked {
		return
	}
	err := proxy.ErrKeyRevoked
	if !policy.Revoked {
		err = e.checkPolicy(v, policy)
	}
	if err != nil {
		v.err, v.errCode = err, codeOf(err)
		v.code = v.errCode
	}
}

func (e *explainer) checkPolicy(v *verdict, policy proxy.AccessPolicy) error {
	if v.req.IsInfo() {
		return e.checkInfoPolicy(v, policy)
	}
	within, err := e.dialect.Within(policy.Scope)
	if err == nil {
		_, err = within.ParseUnsignedChoice(v.diag.Signed, v.choice)
	}
	if err != nil {
		return err
	}
	return policy.Check(v.req, e.sources.IsAmong, time.Now())
}
