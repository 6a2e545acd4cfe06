# Perl, a process for each connection; so the administrator's knows none of the players.
use strict;
use warnings;
use IO::Handle;
use IO::Socket::INET;

$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';
my @players;

sub line {
    my $line = readline($_[0]) // return '';
    $line = lc $line;
    $line =~ s/^\s+|\s+$//g;
    return $line;
}

sub play {
    my ($sock) = @_;
    return print $sock "Refused: say Hello first\r\n" unless line($sock) eq 'hello';
    print $sock "Greetings\r\n";
    return print $sock "Refused: say Game first\r\n" unless line($sock) eq 'game';
    print $sock "Ready\r\n";
    push @players, $sock->peerhost . ' ' . $sock->peerport;
    srand;
    my $secret = 1 + int rand 30;
    while (defined(my $said = readline($sock))) {
        if ($said !~ /^\s*(?:(?:my )?guess(?: is)?\s*:)?\s*([0-9]{1,20})\s*$/i or $1 < 1 or $1 > 30) {
            print $sock "Pick a number between 1-30\r\n";
        } elsif ($1 == $secret) {
            return print $sock "Correct\r\n";
        } else {
            print $sock abs($1 - $secret) <= 2 ? "Close\r\n" : "Far\r\n";
        }
    }
}

sub administer {
    my ($sock) = @_;
    return print $sock "Refused: say Hello first\r\n" unless line($sock) =~ /^(admin-)?hello$/;
    print $sock "Admin-Greetings\r\n";
    return print $sock "Refused: say Who\r\n" unless line($sock) eq 'who';
    print $sock join('', map { "$_\r\n" } @players) || "\r\n";
}

sub serve {
    my ($port, $work) = @_;
    my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 128, ReuseAddr => 1) or die "port $port: $!\n";
    while (1) {
        my $sock = $listener->accept or next;
        next if fork;
        close $listener;
        $sock->autoflush(1);
        $work->($sock);
        shutdown($sock, 1);
        alarm 2;
        1 while sysread($sock, my $rest, 65536);
        exit;
    }
}

if (!fork) { serve($ENV{GAME_ADMIN_PORT} || 4001, \&administer); }
serve($ENV{GAME_PLAYER_PORT} || 4000, \&play);
