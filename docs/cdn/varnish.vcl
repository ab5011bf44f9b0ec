vcl 4.1;

# Varnish in front of pictor. Start pictor with --cdn varnish, and varnishd with -p http_resp_hdr_len=16k if images have
# many tags. xkey is in the package varnish-modules. Change: the address of pictor, who may purge, and the secret.
import std;
import xkey;

backend pictor {
    .host = "127.0.0.1";
    .port = "8080";
    .first_byte_timeout = 40s; # longer than pictor's --request-timeout
    .probe = {
        .url = "/health/ready";
        .interval = 1s;
        .timeout = 1s;
        .window = 3;
        .threshold = 2;
        .initial = 2;
    }
}

# The address alone is not enough: behind a TLS terminator (hitch, nginx) on this machine all clients come from 127.0.0.1,
# unless it uses the PROXY protocol.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers || req.http.X-Purge-Secret != "a-secret") {
            return (synth(403, "Not from here"));
        }
        if (req.http.X-Purge-Soft) {
            set req.http.X-Purged = xkey.softpurge(req.http.X-Purge-Tags);
        } else {
            set req.http.X-Purged = xkey.purge(req.http.X-Purge-Tags);
        }
        return (synth(200, "Purged " + req.http.X-Purged));
    }
    # pictor ignores the query and cookies.
    set req.url = regsub(req.url, "\?.*$", "");
    unset req.http.Cookie;
    # Three classes of clients instead of one for each Accept header.
    if (req.http.Accept ~ "image/avif") {
        set req.http.Accept = "image/avif,image/webp";
    } else if (req.http.Accept ~ "image/webp") {
        set req.http.Accept = "image/webp";
    } else {
        unset req.http.Accept;
    }
    # X-Ask is set by vcl_hit and vcl_synth before they restart the request.
    if (req.restarts == 0) {
        unset req.http.X-Ask;
    } else if (req.http.X-Ask == "pictor") {
        set req.grace = 0s;
    } else {
        set req.grace = 365d; # no limit but that of the object
    }
}

# A stale image is served for the time of stale-while-revalidate, while Varnish fetches a new one in the background. After
# that Varnish asks a healthy pictor first, and keeps the stale image in case pictor fails.
sub vcl_hit {
    if (obj.ttl <= 0s && !req.http.X-Ask && std.healthy(req.backend_hint) &&
        obj.ttl + std.duration(regsub(obj.http.Surrogate-Control, "^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s) <= 0s) {
        set req.http.X-Ask = "pictor";
        return (restart);
    }
}

sub vcl_backend_fetch {
    # pictor has just been asked, and failed.
    if (bereq.http.X-Ask == "nobody") {
        return (abandon);
    }
}

sub vcl_backend_response {
    # A stale image is better than a 5xx, and a response that is delivered replaces the cached image. A 404 may do so: the
    # image is deleted here, too.
    if (beresp.status >= 500 && (bereq.is_bgfetch || bereq.http.X-Ask)) {
        return (abandon);
    }
    # Errors are not cached, nor are responses without Surrogate-Control.
    if (beresp.status >= 400 || !beresp.http.Surrogate-Control) {
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    # Varnish does not read this header by itself. If a directive is missing, the text is no duration, and 0s is used.
    if (beresp.http.Surrogate-Control ~ "max-age=") {
        set beresp.ttl = std.duration(regsub(beresp.http.Surrogate-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s);
        set beresp.grace = std.duration(regsub(beresp.http.Surrogate-Control, "^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s);
        if (std.duration(regsub(beresp.http.Surrogate-Control, "^.*stale-if-error=([0-9]+).*$", "\1s"), 0s) > beresp.grace) {
            set beresp.grace = std.duration(regsub(beresp.http.Surrogate-Control, "^.*stale-if-error=([0-9]+).*$", "\1s"), 0s);
        }
        set beresp.keep = 1d; # for revalidation
    }
    set beresp.http.xkey = beresp.http.Surrogate-Key;
}

sub vcl_backend_error {
    if (bereq.http.X-Ask) {
        return (abandon);
    }
}

# pictor was asked first and failed: serve the stale image.
sub vcl_synth {
    if (resp.status == 503 && req.http.X-Ask == "pictor") {
        set req.http.X-Ask = "nobody";
        return (restart);
    }
}

sub vcl_deliver {
    # max-age is for browsers and counts from now on, so there is no Age. It is at most the freshness that is left here.
    if (resp.http.Surrogate-Control && resp.http.Cache-Control ~ "max-age=") {
        unset resp.http.Age;
        if (obj.ttl <= 0s) {
            set resp.http.Cache-Control = "public, max-age=0";
        } else if (obj.ttl < std.duration(regsub(resp.http.Cache-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s)) {
            set resp.http.Cache-Control = "public, max-age=" + std.integer(duration = obj.ttl, fallback = 0);
        }
    }
    # These headers were for Varnish.
    unset resp.http.Surrogate-Control;
    unset resp.http.Surrogate-Key;
    unset resp.http.xkey;
    # Each cache appends its member to Cache-Status (RFC 9211): what pictor said when Varnish fetched the image comes first.
    if (resp.http.Cache-Status) {
        set resp.http.Cache-Status = resp.http.Cache-Status + ", ";
    }
    if (obj.hits == 0) {
        set resp.http.X-Cache = "MISS";
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; fwd=miss";
    } else if (obj.ttl > 0s) {
        set resp.http.X-Cache = "HIT";
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; hit; ttl=" + std.integer(duration = obj.ttl, fallback = 0);
    } else if (req.http.X-Ask == "nobody") {
        set resp.http.X-Cache = "STALE";
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; fwd=stale; detail=served-stale";
    } else {
        set resp.http.X-Cache = "STALE";
        set resp.http.Cache-Status = resp.http.Cache-Status + "varnish; hit; ttl=" + std.integer(duration = obj.ttl, fallback = 0);
    }
}
