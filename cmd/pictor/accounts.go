package main

import (
	"github.com/pictor-proxy/pictor/cmd/pictor/buckets"
	"github.com/pictor-proxy/pictor/config"
	"github.com/pictor-proxy/pictor/proxy/origin"
)

// openAccounts opens the accounts of --accounts.
func openAccounts(cfg *config.Buckets) ([]origin.Account, error) {
	all, err := cfg.AccountList()
	if err != nil {
		return nil, err
	}
	return buckets.Open(all)
}
