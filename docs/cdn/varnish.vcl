vcl 4.1;

# Varnish before pictor. Start pictor with --cdn varnish. xkey is of the package varnish-modules. What to change: the
# address of pictor, and who may purge.
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

acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Not from here"));
        }
        if (req.http.X-Purge-Soft) {
            set req.http.X-Purged = xkey.softpurge(req.http.X-Purge-Tags);
        } else {
            set req.http.X-Purged = xkey.purge(req.http.X-Purge-Tags);
        }
        return (synth(200, "Purged " + req.http.X-Purged));
    }
    # A query is not looked at by pictor, and cookies are none of its business.
    set req.url = regsub(req.url, "\?.*$", "");
    unset req.http.Cookie;
    # Three kinds of clients instead of as many as there are Accept headers.
    if (req.http.Accept ~ "image/avif") {
        set req.http.Accept = "image/avif,image/webp";
    } else if (req.http.Accept ~ "image/webp") {
        set req.http.Accept = "image/webp";
    } else {
        unset req.http.Accept;
    }
    # While pictor is well, stale answers are for as long as it takes to fetch anew.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 1h; # pictor's --stale-while-revalidate
    }
}

sub vcl_backend_response {
    # The background fetch of what is there already: better that than an error.
    if (beresp.status >= 500 && bereq.is_bgfetch) {
        return (abandon);
    }
    if (beresp.status >= 400) {
        set beresp.ttl = 0s;
        set beresp.grace = 0s;
        set beresp.uncacheable = true;
        return (deliver);
    }
    if (beresp.http.Surrogate-Control ~ "max-age=") {
        set beresp.ttl = std.duration(regsub(beresp.http.Surrogate-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s);
        set beresp.grace = 0s;
        if (beresp.http.Surrogate-Control ~ "stale-while-revalidate=") {
            set beresp.grace = std.duration(regsub(beresp.http.Surrogate-Control, "^.*stale-while-revalidate=([0-9]+).*$", "\1s"), 0s);
        }
        if (beresp.http.Surrogate-Control ~ "stale-if-error=") {
            set beresp.grace = std.duration(regsub(beresp.http.Surrogate-Control, "^.*stale-if-error=([0-9]+).*$", "\1s"), 0s);
        }
        set beresp.keep = 1d; # for asking whether it is still the same
    }
    set beresp.http.xkey = beresp.http.Surrogate-Key;
}

sub vcl_deliver {
    # These were for Varnish. Without them an Age would be one of what browsers may keep.
    if (resp.http.Surrogate-Control) {
        unset resp.http.Age;
    }
    unset resp.http.Surrogate-Control;
    unset resp.http.Surrogate-Key;
    unset resp.http.xkey;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}
