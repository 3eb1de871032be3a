# What rekeyd may do in Vault or OpenBao: all of it is needed, and nothing else is. The tests run with exactly this.
#
# Written for a KV version 2 mount `secret`, apps below `salesforce/` and the usual `pending_prefix`; change these three
# together. No right to delete or undelete, to list, or to write metadata. In a namespace, write it in that namespace.

# What consumers read: read to compare, written with compare-and-set.
path "secret/data/salesforce/*"                    { capabilities = ["create", "read", "update"] }
# How many versions are kept, and how long: refused if too few or too short for the grace.
path "secret/metadata/salesforce/*"                { capabilities = ["read"] }
path "secret/config"                               { capabilities = ["read"] }

# What waits to become current. No consumer's policy may cover this.
path "secret/data/rekeyd-pending/salesforce/*"     { capabilities = ["create", "read", "update"] }
path "secret/metadata/rekeyd-pending/salesforce/*" { capabilities = ["read"] }
# Right after it became current it is ended, by its version.
path "secret/destroy/rekeyd-pending/salesforce/*"  { capabilities = ["update"] }

# Every right is asked for before a rotation begins. These three are also in the policy `default`.
path "sys/capabilities-self"                       { capabilities = ["update"] }
# A dead token is told from one that lacks a right.
path "auth/token/lookup-self"                      { capabilities = ["read"] }
# The token is renewed ahead of its end.
path "auth/token/renew-self"                       { capabilities = ["update"] }
